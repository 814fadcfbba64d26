import os

import numpy as np
import pytest

from mtframework.data.movielens import cache as movielens_cache


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for table, columns in expected.items():
        assert found[table].keys() == columns.keys()
        for name, values in columns.items():
            assert found[table][name].dtype == values.dtype
            np.testing.assert_array_equal(found[table][name], values)


def test_reads_what_was_written(tiny_raw, tiny_tables, tmp_path):
    movielens_cache.write(tmp_path / "cache.npz", tiny_tables)
    assert_equal(movielens_cache.read(tmp_path / "cache.npz"), tiny_tables)
    assert os.listdir(tmp_path / "raw") == os.listdir(tiny_raw)
    assert sorted(os.listdir(tmp_path)) == ["cache.npz", "raw"]


def test_missing(tmp_path):
    assert movielens_cache.read(tmp_path / "cache.npz") is None


def test_other_contents(tiny_raw, tiny_tables, tmp_path):
    tiny_tables["100k-ratings"]["user_rating"][3] += 1
    movielens_cache.write(tmp_path / "cache.npz", tiny_tables)
    assert movielens_cache.read(tmp_path / "cache.npz") is None


def test_every_damaged_byte_is_found(tiny_raw, tiny_tables, tmp_path):
    path = tmp_path / "cache.npz"
    movielens_cache.write(path, tiny_tables)
    whole = path.read_bytes()
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        found = movielens_cache.read(path)
        # Some bytes of a zip archive say nothing of its contents: dates, for example.
        if found is not None:
            assert_equal(found, tiny_tables)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_cut_off(tiny_raw, tiny_tables, tmp_path, share):
    path = tmp_path / "cache.npz"
    movielens_cache.write(path, tiny_tables)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert movielens_cache.read(path) is None


def test_folder_that_cannot_be_written_to(tiny_raw, tiny_tables, tmp_path):
    movielens_cache.write(tmp_path / "nowhere" / "cache.npz", tiny_tables)
    assert not (tmp_path / "nowhere").exists()


def test_full_disk_leaves_nothing(full_disk):
    large = {"100k-ratings": {"timestamp": np.arange(50_000)}}
    movielens_cache.write(full_disk / "cache.npz", large)
    assert os.listdir(full_disk) == ["filler"]
