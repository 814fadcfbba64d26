"""The prepared data, a tiny copy of its raw files to break, and a world without a network."""

import hashlib
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mtframework.data.movielens import cache as movielens_cache
from mtframework.data.movielens import files as movielens_files
from mtframework.data.movielens import prepare as movielens_prepare
from mtframework.data.movielens import tfds as movielens_tfds
from mtframework.data.movielens.tutorial_order import tfds_order

USERS = [
    (1, 24, "M", "technician", "85711"),
    (2, 53, "F", "other", "94043"),
    (3, 17, "M", "writer", "T8H1N"),
]
TITLES = ["Toy Story (1995)", "Kolya (1996)", "Léon (1994)", "Kolya (1996)", "Two Friends (1986) "]
# Of u.item's 19 genres, the first is unknown, then come Action, Adventure and so on to Western.
FLAGS = ["0100000000000000000", "0010000000000000001", "0" * 19, "1" + "0" * 18, "0" * 18 + "1"]
GENRES = ["Action", "Adventure|Western", "", "Unknown", "Western"]
RATINGS = [
    (user, movie, 1 + (user * movie) % 5, 880_000_000 + 10 * user + movie)
    for user in (1, 2, 3)
    for movie in (1, 2, 3, 4, 5)
]
BUCKETS = {24: 18, 53: 50, 17: 1}


def make_tiny_files() -> dict[str, bytes]:
    """Returns three users, five films and fifteen ratings as GroupLens would write them."""
    lines = {
        "u.data": ["\t".join(map(str, row)) for row in RATINGS],
        "u.item": [
            "|".join([str(number), title, "01-Jan-1995", "", "http://film", *flags])
            for number, (title, flags) in enumerate(zip(TITLES, FLAGS, strict=True), start=1)
        ],
        "u.user": ["|".join(map(str, row)) for row in USERS],
    }
    return {name: "".join(f"{x}\n" for x in each).encode("latin-1") for name, each in lines.items()}


def make_tiny_tables() -> movielens_cache.Tables:
    """Returns what must be read of them, worked out without TFDS."""
    rows = [RATINGS[row] for row in tfds_order(len(RATINGS))]
    people = [USERS[user - 1] for user, _, _, _ in rows]
    films = tfds_order(len(TITLES))
    return {
        "100k-ratings": {
            "user_id": np.array([str(user) for user, _, _, _ in rows]),
            "user_gender": np.array([int(person[2] == "M") for person in people]),
            "bucketized_user_age": np.array([BUCKETS[person[1]] for person in people], "float32"),
            "raw_user_age": np.array([person[1] for person in people], "float32"),
            "user_occupation_text": np.array([person[3] for person in people]),
            "user_zip_code": np.array([person[4] for person in people]),
            "movie_id": np.array([str(movie) for _, movie, _, _ in rows]),
            "movie_title": np.array([TITLES[movie - 1] for _, movie, _, _ in rows]),
            "user_rating": np.array([stars for _, _, stars, _ in rows], "float32"),
            "timestamp": np.array([seconds for _, _, _, seconds in rows]),
        },
        "100k-movies": {
            "movie_id": np.array([str(film + 1) for film in films]),
            "movie_title": np.array([TITLES[film] for film in films]),
            "movie_genres": np.array([GENRES[film] for film in films]),
        },
    }


@pytest.fixture
def tiny_raw(tmp_path, monkeypatch) -> Path:
    """A folder of tiny raw files, in a world where these are MovieLens 100K."""
    folder = tmp_path / "raw"
    folder.mkdir()
    sums = {}
    for name, content in make_tiny_files().items():
        (folder / name).write_bytes(content)
        sums[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(movielens_files, "FILES_SHA256", sums)
    monkeypatch.setattr(movielens_files, "RECBOLE_FILES_SHA256", sums)
    monkeypatch.setattr(
        movielens_tfds, "NUM_EXAMPLES", {"100k-ratings": len(RATINGS), "100k-movies": len(TITLES)}
    )
    monkeypatch.setattr(
        movielens_cache, "TABLES_SHA256", movielens_cache.tables_sha256(make_tiny_tables())
    )
    return folder


@pytest.fixture
def tiny_files() -> dict[str, bytes]:
    return make_tiny_files()


@pytest.fixture
def tiny_tables() -> movielens_cache.Tables:
    return make_tiny_tables()


@pytest.fixture
def local_index(tmp_path, monkeypatch) -> Path:
    """A folder that is all that pip knows; it takes that from the environment, as any user's."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


@pytest.fixture
def write_wheel(local_index) -> Callable[[str, str, dict[str, bytes]], Path]:
    """Writes a wheel that pip accepts into the local index."""

    def write(distribution: str, version: str, members: dict[str, bytes]) -> Path:
        stem = f"{distribution.replace('-', '_')}-{version}"
        path = local_index / f"{stem}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            archive.writestr(f"{stem}.dist-info/METADATA", metadata)
            archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        return path

    return write


@pytest.fixture
def no_network(monkeypatch):
    """Lets every attempt to open a socket fail."""

    def refuse(*arguments, **options):
        raise AssertionError("A socket was opened.")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def full_disk(tmp_path) -> Iterator[Path]:
    """A folder on a disk of its own with 24 kB left; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        (disk / "filler").write_bytes(bytes(1000 * 1024))
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture(scope="session")
def movielens() -> Path:
    """TFDS's data folder with the real MovieLens 100K, fetched once a machine."""
    return movielens_prepare.prepare().parent
