"""The files of a table: one, a folder of them, or a pattern."""

import glob
from pathlib import Path

from mtframework.errors import DataError

CSV, JSON_LINES, PARQUET = "CSV", "JSON lines", "Parquet"
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_FORMATS = {
    ".csv": CSV,
    ".tsv": CSV,
    ".txt": CSV,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON_LINES,
    ".parquet": PARQUET,
    ".pq": PARQUET,
}


def find_files(path: str) -> list[Path]:
    """Returns the files that a path means, sorted: itself, those in its folder, or its matches.

    In a folder, hidden files and what is not a table (`_SUCCESS`) are passed over.

    Raises:
        DataError: There is no such file, or a file's ending says of no format that is read.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        inside = [each for each in place.rglob("*") if each.is_file()]
        files = [each for each in inside if each.name[0] not in "._" and _format(each)]
    elif place.exists():
        files = [place]
    else:
        files = [Path(each) for each in glob.glob(str(place), recursive=True)]
        files = [each for each in files if each.is_file()]
    if not files:
        raise DataError(
            f"{path} is not a file, a folder of tables or a pattern that matches either.",
            "A path to CSV, JSON lines or Parquet.",
            f"Correct the path; a relative one starts at {Path.cwd()}.",
        )
    for each in files:
        format_of(each)
    return sorted(files)


def format_of(path: Path) -> str:
    """Returns `CSV`, `JSON_LINES` or `PARQUET`, by the file's ending.

    >>> format_of(Path("log.csv.gz"))
    'CSV'
    """
    found = _format(path)
    if found is None:
        raise DataError(
            f"{path} does not end as a known format does.",
            f"A file that ends in {', '.join(_FORMATS)}, text also with {', '.join(COMPRESSIONS)}.",
            "Rename or convert the file.",
        )
    return found


def _format(path: Path) -> str | None:
    endings = [each.lower() for each in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        found = _FORMATS.get(endings[-2]) if len(endings) > 1 else None
        return None if found == PARQUET else found
    return _FORMATS.get(endings[-1]) if endings else None
