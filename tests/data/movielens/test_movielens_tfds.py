"""TFDS's own builder on tiny files, and all that can go wrong on the way."""

import errno
import json
import os
import signal
import time

import numpy as np
import pytest

from mtframework.data.movielens import cache as movielens_cache
from mtframework.data.movielens import files as movielens_files
from mtframework.data.movielens import prepare as movielens_prepare
from mtframework.data.movielens import tfds as movielens_tfds
from mtframework.data.movielens.prepare import prepare, read
from mtframework.errors import DataError

RATINGS = "movielens/100k-ratings/0.1.1"


def files_below(folder) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def root(tmp_path):
    """A data folder in which nothing is prepared yet."""
    return tmp_path / "tfds"


@pytest.fixture
def prepared(tiny_raw, root):
    prepare(root, tiny_raw, progress=lambda text: None)
    return root


def test_tfds_reads_what_was_prepared(prepared, tiny_tables):
    import tensorflow_datasets as tfds

    for table, columns in tiny_tables.items():
        rows, info = tfds.load(f"movielens/{table}", data_dir=prepared, with_info=True)
        examples = list(tfds.as_numpy(rows["train"]))
        for name, values in columns.items():
            found = [example[name] for example in examples]
            if name == "movie_genres":
                names = info.features[name].int2str
                assert ["|".join(map(names, each)) for each in found] == values.tolist()
                continue
            expected = [value.encode() for value in values] if values.dtype.kind == "U" else values
            np.testing.assert_array_equal(found, expected)


def test_reads_the_tables(prepared, tiny_tables, no_network):
    for found in (read(prepared), movielens_tfds.read_records(prepared)):
        for table, columns in tiny_tables.items():
            for name, values in columns.items():
                assert found[table][name].dtype == values.dtype
                np.testing.assert_array_equal(found[table][name], values)


def test_says_what_it_does_and_the_terms_once(tiny_raw, root, capfd):
    assert prepare(root, tiny_raw) == root / "movielens"
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        f"MovieLens 100K: reading the files in {tiny_raw}.",
        *movielens_files.NOTICE.splitlines(),
        "MovieLens 100K: building it with TFDS, 10 to 30 seconds.",
        f"MovieLens 100K is ready in {root}/movielens.",
    ]
    assert "https://doi.org/10.1145/2827872" in output.err
    assert "may not be redistributed" in " ".join(output.err.split())
    prepare(root, tiny_raw)
    assert capfd.readouterr().err == f"MovieLens 100K is there already, in {root}/movielens.\n"


def test_second_run_opens_no_socket(prepared, no_network):
    before = files_below(prepared)
    prepare(prepared, progress=lambda text: None)
    read(prepared)
    assert files_below(prepared) == before


def test_leaves_nothing_but_the_data(prepared):
    assert files_below(prepared) == {
        f"{RATINGS}/dataset_info.json",
        f"{RATINGS}/features.json",
        f"{RATINGS}/movie_genres.labels.txt",
        f"{RATINGS}/user_occupation_label.labels.txt",
        f"{RATINGS}/movielens-train.tfrecord-00000-of-00001",
        "movielens/100k-movies/0.1.1/dataset_info.json",
        "movielens/100k-movies/0.1.1/features.json",
        "movielens/100k-movies/0.1.1/movie_genres.labels.txt",
        "movielens/100k-movies/0.1.1/movielens-train.tfrecord-00000-of-00001",
        "movielens/mtframework-100k-0.1.1-2.npz",
    }
    assert os.listdir(prepared) == ["movielens"]


class TestWhere:
    def test_environment(self, tiny_raw, root, monkeypatch):
        monkeypatch.setenv("TFDS_DATA_DIR", str(root))
        monkeypatch.setenv("MTFRAMEWORK_MOVIELENS_DIR", str(tiny_raw))
        assert prepare(progress=lambda text: None) == root / "movielens"

    def test_home(self, monkeypatch, tmp_path):
        monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert movielens_prepare.data_folder() == tmp_path / "tensorflow_datasets"


class TestBadSources:
    def test_wrong_checksum(self, tiny_raw, root):
        (tiny_raw / "u.user").write_bytes(b"1|24|M|writer|85711\n")
        with pytest.raises(DataError, match=r"u\.user \(20 bytes\) has the sha256"):
            prepare(root, tiny_raw, progress=lambda text: None)
        assert os.listdir(root) == []

    def test_nothing_reachable(self, tiny_raw, root, local_index, monkeypatch):
        monkeypatch.setattr(movielens_files, "ARCHIVE_URL", "http://127.0.0.1:9/ml-100k.zip")
        with pytest.raises(DataError, match=r"MovieLens 100K could not be fetched\. GroupLens: "):
            read(root, progress=lambda text: None)
        assert os.listdir(root) == []

    def test_files_that_tfds_does_not_read(self, tiny_raw, root, monkeypatch):
        monkeypatch.setattr(movielens_files, "fetch", lambda *a: {"u.item": b"1|A\n"})
        with pytest.raises(DataError) as raised:
            prepare(root, progress=lambda text: None)
        assert str(raised.value).startswith("TFDS could not build or read MovieLens 100K: ")
        assert "Install the versions that constraints.txt pins" in str(raised.value)
        assert os.listdir(root) == []


class TestHalfWritten:
    def test_cut_records(self, prepared, no_network):
        records = prepared / RATINGS / "movielens-train.tfrecord-00000-of-00001"
        size = records.stat().st_size
        with open(records, "ab") as file:
            file.truncate(size - 100)
        before = files_below(prepared)
        with pytest.raises(DataError) as raised:
            prepare(prepared)
        assert str(raised.value) == (
            f"The data set in {prepared / RATINGS} is incomplete: it has 15 of 15 examples, in "
            f"{size - 100} of {size} bytes.\n"
            "  expected: A whole data set as TFDS builds it, or none.\n"
            f"  fix: Delete {prepared / RATINGS} and prepare it again (mtframework data prepare)."
        )
        assert files_below(prepared) == before

    def test_no_facts(self, prepared, no_network):
        (prepared / RATINGS / "dataset_info.json").unlink()
        with pytest.raises(DataError, match=r"is incomplete: its dataset_info\.json cannot be rea"):
            prepare(prepared)

    def test_other_facts(self, prepared, no_network):
        path = prepared / RATINGS / "dataset_info.json"
        path.write_text(json.dumps({"splits": []}))
        with pytest.raises(DataError, match="IndexError: list index out of range"):
            prepare(prepared)

    def test_damaged_records(self, prepared, no_network):
        records = prepared / RATINGS / "movielens-train.tfrecord-00000-of-00001"
        content = bytearray(records.read_bytes())
        content[len(content) // 2] ^= 0xFF
        records.write_bytes(content)
        cache = next(prepared.glob("movielens/*.npz"))
        cache.unlink()
        with pytest.raises(DataError, match="corrupted record"):
            read(prepared)
        assert not cache.exists()

    def test_other_examples(self, prepared, no_network, monkeypatch):
        next(prepared.glob("movielens/*.npz")).unlink()
        monkeypatch.setattr(movielens_cache, "TABLES_SHA256", "0" * 64)
        with pytest.raises(DataError) as raised:
            read(prepared)
        assert str(raised.value).startswith(
            f"The prepared data sets in {prepared / 'movielens'} hold other examples than "
            "MovieLens 100K 0.1.1.\n  expected: What TFDS builds from the published files.\n"
        )

    def test_one_of_two_is_completed(self, prepared, tiny_raw):
        movies = prepared / "movielens/100k-movies/0.1.1"
        before = (prepared / RATINGS / "dataset_info.json").stat().st_mtime_ns
        for each in movies.iterdir():
            each.unlink()
        movies.rmdir()
        prepare(prepared, tiny_raw, progress=lambda text: None)
        assert (movies / "dataset_info.json").exists()
        assert (prepared / RATINGS / "dataset_info.json").stat().st_mtime_ns == before

    def test_cache_of_an_older_format_is_not_read(self, prepared, tiny_tables, no_network):
        cache = next(prepared.glob("movielens/*.npz"))
        older = {table: dict(columns) for table, columns in tiny_tables.items()}
        del older["100k-movies"]["movie_genres"]
        for name in (cache.name, "mtframework-100k-0.1.1.npz"):
            movielens_cache.write(cache.with_name(name), older)
        assert read(prepared)["100k-movies"]["movie_genres"].size == 5

    def test_damaged_cache_is_made_anew(self, prepared, no_network):
        cache = next(prepared.glob("movielens/*.npz"))
        whole = cache.read_bytes()
        cache.write_bytes(whole[:1000])
        tables = read(prepared)
        assert movielens_cache.tables_sha256(tables) == movielens_cache.TABLES_SHA256
        assert cache.stat().st_size == len(whole)


class TestDisk:
    def test_really_full(self, tiny_raw, full_disk):
        with pytest.raises(DataError) as raised:
            prepare(full_disk, tiny_raw, progress=lambda text: None)
        found, expected, fix = str(raised.value).split("\n")
        assert found.startswith(f"The disk of {full_disk} is full: ")
        assert "No space left on device" in found
        assert expected == (
            "  expected: 75 MB while MovieLens 100K is fetched and built, and 45 MB afterwards."
        )
        assert fix == (
            "  fix: Free some space, or name another folder with data_dir or TFDS_DATA_DIR."
        )
        assert os.listdir(full_disk) == ["filler"]

    @pytest.mark.parametrize("step", ["_seed_download_cache", "move_into_place"])
    def test_full_at_another_step(self, tiny_raw, root, monkeypatch, step):
        def fail(*arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(movielens_tfds, step, fail)
        with pytest.raises(DataError, match=f"The disk of {root} is full: "):
            prepare(root, tiny_raw, progress=lambda text: None)
        assert os.listdir(root) == []

    def test_full_in_tensorflow(self, tiny_raw, root, monkeypatch):
        import tensorflow as tf

        def fail(*arguments):
            raise tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")

        monkeypatch.setattr(movielens_tfds, "_build_table", fail)
        with pytest.raises(DataError, match=f"The disk of {root} is full: "):
            prepare(root, tiny_raw, progress=lambda text: None)
        assert os.listdir(root) == []

    def test_no_folder(self, tiny_raw, root):
        root.write_text("a file")
        with pytest.raises(DataError) as raised:
            prepare(root, tiny_raw)
        found, expected, fix = str(raised.value).split("\n")
        assert found.startswith(f"MovieLens 100K cannot be written to {root}: ")
        assert expected == "  expected: A folder that can be written to."
        assert fix.startswith("  fix: Fix its permissions, or name another folder")


class TestInterruption:
    @pytest.fixture(autouse=True)
    def control_c_interrupts(self):
        """A shell that runs the tests in the background has them ignore Ctrl-C."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_control_c(self, tiny_raw, root):
        def interrupt(text):
            if "building" in text:
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            prepare(root, tiny_raw, progress=interrupt)
        assert os.listdir(root) == []

    def test_control_c_between_the_two(self, tiny_raw, root, monkeypatch):
        build_table = movielens_tfds._build_table

        def interrupt(workspace, files, table):
            build_table(workspace, files, table)
            if table == "100k-movies":
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(movielens_tfds, "_build_table", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(root, tiny_raw, progress=lambda text: None)
        assert os.listdir(root) == ["movielens"]
        assert os.listdir(root / "movielens") == ["100k-ratings"]
        monkeypatch.undo()

    def test_another_process_is_quicker(self, tiny_raw, root):
        def be_quicker(text):
            if "building" in text:
                prepare(root, tiny_raw, progress=lambda text: None)

        prepare(root, tiny_raw, progress=be_quicker)
        assert os.listdir(root) == ["movielens"]
        read(root)

    def test_leftovers_of_killed_processes(self, tiny_raw, root):
        for name, hours in (("old", 2), ("young", 0.5)):
            folder = root / f".mtframework-movielens-{name}"
            folder.mkdir(parents=True)
            (folder / "file").touch()
            then = time.time() - 3600 * hours
            os.utime(folder, (then, then))
        prepare(root, tiny_raw, progress=lambda text: None)
        assert sorted(os.listdir(root)) == [".mtframework-movielens-young", "movielens"]
