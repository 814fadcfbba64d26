"""MovieLens 100K as TFDS builds and stores it.

TFDS's own builder does the work, unpatched: it finds the verified raw files in its download cache
and asks no network.
"""

import contextlib
import errno
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from mtframework.data.movielens import cache as movielens_cache
from mtframework.data.movielens import files as movielens_files
from mtframework.data.movielens.cache import Tables
from mtframework.data.workspace import move_into_place, workspace
from mtframework.errors import DataError

VERSION = "0.1.1"
NUM_EXAMPLES = {"100k-ratings": 100_000, "100k-movies": 1_682}

# The columns that are read, and how they stand in TFDS's records; "classes" are numbers of classes,
# any number of them, and are read as one text with | between their names.
RECORD_TYPES = {
    "100k-ratings": {
        "user_id": "string",
        "user_gender": "int64",
        "bucketized_user_age": "float32",
        "raw_user_age": "float32",
        "user_occupation_text": "string",
        "user_zip_code": "string",
        "movie_id": "string",
        "movie_title": "string",
        "user_rating": "float32",
        "timestamp": "int64",
    },
    "100k-movies": {"movie_id": "string", "movie_title": "string", "movie_genres": "classes"},
}

_ROOM = "75 MB while MovieLens 100K is fetched and built, and 45 MB afterwards."


def table_folder(root: Path, table: str) -> Path:
    """Returns where TFDS keeps a table below its data folder."""
    return root / "movielens" / table / VERSION


def is_built(root: Path) -> bool:
    """Returns whether both tables are there.

    Raises:
        DataError: One of them is there and incomplete.
    """
    complete = [_is_complete(table_folder(root, table)) for table in NUM_EXAMPLES]
    return all(complete)


def build(root: Path, raw_folder: Path | None, progress: movielens_files.Progress) -> None:
    """Fetches the raw files and builds the tables that are missing.

    Everything happens in a temporary folder beside the tables; each is moved into place whole, and
    the temporary folder goes away whatever happens. Of two processes that build at once, the first
    to finish wins and the other's work is dropped.

    Raises:
        DataError: The files cannot be had or are wrong, the folder cannot be written to, the disk
            is full, or TFDS fails.
    """
    with workspace(root, "MovieLens 100K", _ROOM, "data_dir or TFDS_DATA_DIR") as folder:
        files = movielens_files.fetch(folder, raw_folder, progress)
        progress(movielens_files.NOTICE)
        progress("MovieLens 100K: building it with TFDS, 10 to 30 seconds.")
        for table in NUM_EXAMPLES:
            target = table_folder(root, table)
            if not _is_complete(target):
                with _tfds_errors():
                    _build_table(folder, files, table)
                move_into_place(table_folder(folder, table), target)


def read_records(root: Path) -> Tables:
    """Returns the columns of both tables in TFDS's order of examples.

    Raises:
        DataError: TensorFlow cannot be imported, or the records are damaged or of other contents.
    """
    try:
        with _tfds_errors():
            tables = {table: _read_table(root, table) for table in NUM_EXAMPLES}
    except OSError as error:
        raise DataError(
            f"The prepared data sets in {root / 'movielens'} cannot be read: {error}.",
            "Files that can be read.",
            "Fix their permissions, or name another folder with data_dir or TFDS_DATA_DIR.",
        ) from error
    if movielens_cache.tables_sha256(tables) != movielens_cache.TABLES_SHA256:
        raise DataError(
            f"The prepared data sets in {root / 'movielens'} hold other examples than "
            f"MovieLens 100K {VERSION}.",
            "What TFDS builds from the published files.",
            f"Delete {table_folder(root, '100k-ratings')} and {table_folder(root, '100k-movies')} "
            "and prepare them again (mtframework data prepare).",
        )
    return tables


def _is_complete(folder: Path) -> bool:
    if not folder.exists():
        return False
    num_expected = NUM_EXAMPLES[folder.parent.name]
    try:
        info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
        split = info["splits"][0]
        num_examples = sum(int(length) for length in split["shardLengths"])
        num_bytes = int(split["numBytes"])
        if info.get("fileFormat", "tfrecord") == "tfrecord":
            num_bytes += 16 * num_examples  # each record's length and two checksums
        found = sum(each.stat().st_size for each in folder.glob("movielens-train.*"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        problem = f"its dataset_info.json cannot be read ({type(error).__name__}: {error})"
    else:
        if num_examples == num_expected and found >= num_bytes:
            return True
        problem = (
            f"it has {num_examples} of {num_expected} examples, in {found} of {num_bytes} bytes"
        )
    raise DataError(
        f"The data set in {folder} is incomplete: {problem}.",
        "A whole data set as TFDS builds it, or none.",
        f"Delete {folder} and prepare it again (mtframework data prepare).",
    )


def _build_table(folder: Path, files: Mapping[str, bytes], table: str) -> None:
    tfds = _import_tfds()
    downloads = folder / "downloads"
    _seed_download_cache(downloads, files)
    with _silence():
        builder = tfds.builder(f"movielens/{table}:{VERSION}", data_dir=folder)
        builder.download_and_prepare(
            download_dir=downloads,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            file_format="tfrecord",
        )


def _seed_download_cache(downloads: Path, files: Mapping[str, bytes]) -> None:
    """Lays the files where TFDS looks for an archive that it downloaded and extracted before.

    TFDS trusts a cached download whose name holds the registered checksum. It never opens the
    archive then, so that an empty file will do; the files themselves have been checked.
    """
    from tensorflow_datasets.core.download import resource

    url = movielens_files.ARCHIVE_URL
    archive_name = resource.get_dl_fname(url, movielens_files.ARCHIVE_SHA256)
    archive = downloads / "movielens" / archive_name
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.touch()
    facts = {"dataset_names": ["movielens"], "original_fname": "ml-100k.zip", "urls": [url]}
    archive.with_name(archive_name + ".INFO").write_text(json.dumps(facts), "utf-8")
    extracted = downloads / "extracted" / f"ZIP.{archive_name}" / "ml-100k"
    extracted.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (extracted / name).write_bytes(content)


def _read_table(root: Path, table: str) -> dict[str, np.ndarray]:
    """Parses 20,000 records at a time, 25 times faster than TFDS decodes them one by one."""
    tfds = _import_tfds()
    import tensorflow as tf

    with _silence():
        builder = tfds.builder(f"movielens/{table}:{VERSION}", data_dir=root)
    types = RECORD_TYPES[table]
    spec = {
        name: tf.io.RaggedFeature(tf.int64)
        if kind == "classes"
        else tf.io.FixedLenFeature([], getattr(tf, kind))
        for name, kind in types.items()
    }
    records = tf.data.TFRecordDataset(builder.info.splits["train"].filepaths).batch(20_000)
    batches = [tf.io.parse_example(each, spec) for each in records]
    columns = {}
    for name, kind in types.items():
        if kind == "classes":
            classes = builder.info.features[name].feature.names
            lists = [row for batch in batches for row in batch[name].to_list()]
            columns[name] = np.array(["|".join(classes[each] for each in row) for row in lists])
            continue
        values = np.concatenate([batch[name].numpy() for batch in batches])
        is_text = kind == "string"
        columns[name] = np.char.decode(values.astype("S"), "utf-8") if is_text else values
    return columns


def _import_tfds() -> ModuleType:
    try:
        if "tensorflow" in sys.modules:
            import tensorflow_datasets
        else:
            # TensorFlow greets with notes on processors and drivers that are no news here.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            with _silence(), _silence_native_code():
                import tensorflow  # noqa: F401  (TFDS imports it late, when it would be heard)
                import tensorflow_datasets
    except ImportError as error:
        raise DataError(
            f"MovieLens 100K is not prepared yet, and TFDS cannot be imported: {error}.",
            "TensorFlow and tensorflow-datasets, once; what they prepared is read without them.",
            "Install both, or run mtframework data prepare where they are installed and copy its "
            "data folder.",
        ) from error
    return tensorflow_datasets


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Hides what TFDS prints, its progress bars and its warnings."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _silence_native_code() -> Iterator[None]:
    """Hides what C++ writes to standard error before its logging can be set up."""
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _tfds_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, DataError):
        raise
    except Exception as error:
        # TensorFlow's own writers raise no OSError when the disk is full.
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise DataError(
            f"TFDS could not build or read MovieLens 100K: {type(error).__name__}: {error}.",
            f"A TFDS that knows movielens {VERSION}, and undamaged records.",
            "Install the versions that constraints.txt pins; if they are, delete the folder "
            "movielens of TFDS's data folder and prepare it again (mtframework data prepare).",
        ) from error
