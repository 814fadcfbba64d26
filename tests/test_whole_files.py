"""Files that are there whole or not at all, and places that are no files."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from mtframework.errors import RunError
from mtframework.files import lock_folder, write_whole, written_whole


def test_a_link_stays_a_link_and_a_mode_stays_the_mode(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target.name)
    write_whole(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "target.json"]


def test_a_pipe_is_written_to(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join(10)
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def interrupted():
        with written_whole(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(RunError, match="cannot be written"):
        write_whole(path / "below.txt", "text")


def test_a_folder_has_one_writer_and_the_lock_dies_with_its_process(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom mtframework.files import lock_folder\n"
        "lock = lock_folder(Path(sys.argv[1]))\nprint('locked', flush=True)\ntime.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(RunError, match=f"is in use by another process, {other.pid}"):
        lock_folder(tmp_path)
    other.kill()
    other.communicate()
    lock_folder(tmp_path).close()


def test_what_a_dead_process_left_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".kept.txt.{dead.pid}"
    left.write_text("half")
    others = [tmp_path / f".kept.txt.{os.getpid()}x", tmp_path / ".kept.txt.bak"]
    for each in others:
        each.write_text("mine")
    write_whole(tmp_path / "kept.txt", "whole")
    assert not left.exists()
    assert all(each.exists() for each in others)
