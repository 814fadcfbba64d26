import pytest

from mtframework.data.tables.table_files import find_files
from mtframework.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("b.csv", "a.csv.gz", "day=1/c.parquet", "_SUCCESS", ".d.csv", "notes.md"):
        path = tmp_path / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("log", ["a.csv.gz", "b.csv", "day=1/c.parquet"]),
        ("log/*.csv*", ["a.csv.gz", "b.csv"]),
        ("log/**/*.parquet", ["day=1/c.parquet"]),
        ("log/b.csv", ["b.csv"]),
    ],
)
def test_files_folders_and_patterns(folder, path, names):
    assert [str(each.resolve().relative_to(folder)) for each in find_files(path)] == names


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("lok", "lok is not a file, a folder of tables or a pattern that matches either."),
        ("log/*.tsv", "log/*.tsv is not a file, a folder of tables or a pattern that matches eith"),
        ("log/notes.md", "log/notes.md does not end as a known format does."),
    ],
)
def test_paths_that_are_refused(folder, path, found):
    with pytest.raises(DataError) as raised:
        find_files(path)
    assert raised.value.found.startswith(found)
