"""What is free, as the system's files tell it."""

import pytest

from mtframework.evaluation.baselines import memory


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable:   500 kB\n")
    return tmp_path


def test_memory_that_the_system_calls_available(system):
    assert memory.available_memory() == 500 * 1024


@pytest.mark.parametrize(
    ("limit", "expected"), [("max", 512_000), ("9000", 8000), ("9000000", 512_000)]
)
def test_a_container_has_no_more_than_it_is_allowed(system, limit, expected):
    (system / "memory.max").write_text(f"{limit}\n")
    (system / "memory.current").write_text("1000\n")
    assert memory.available_memory() == expected
