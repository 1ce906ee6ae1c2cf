"""What memory is left is read from the kernel and from the control group."""

from pathlib import Path

import pytest

from worker.engines.memory import available_bytes, needed_bytes


def test_the_kernel_says_what_is_available(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  100 kB\nMemAvailable:   40 kB\n")
    assert available_bytes(meminfo, tmp_path) == 40 * 1024


@pytest.mark.parametrize(
    ("limit", "left"), [("30000", 10_000), ("max", 40 * 1024), ("20000", 0), ("10000", 0)]
)
def test_a_control_group_may_allow_less(tmp_path: Path, limit: str, left: int) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 40 kB\n")
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text("20000\n")
    assert available_bytes(tmp_path / "meminfo", tmp_path) == left


def test_files_that_a_group_keeps_in_memory_are_room(tmp_path: Path) -> None:
    """A group that reads and writes files is always full of them."""
    (tmp_path / "memory.max").write_text("30000\n")
    (tmp_path / "memory.current").write_text("29000\n")
    (tmp_path / "memory.stat").write_text("anon 5000\ninactive_anon 7\ninactive_file 20000\n")
    assert available_bytes(tmp_path / "meminfo", tmp_path) == 21_000


def test_where_nothing_tells_nothing_is_claimed(tmp_path: Path) -> None:
    assert available_bytes(tmp_path / "meminfo", tmp_path) is None


def test_a_wider_net_needs_more() -> None:
    assert needed_bytes(1000, 1000, 32) == 2 * needed_bytes(1000, 1000, 16)
    assert 400e6 < needed_bytes(1000, 1000, 16) < 700e6
