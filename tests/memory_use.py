"""What memory a process had, as Linux tells; see proc_pid_status(5), proc_pid_clear_refs(5)."""

from contextlib import suppress
from pathlib import Path


def most_bytes(pid: int) -> int:
    """Return the most that a process ever held in RAM; 0 where nothing tells."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def forget_most(pid: int) -> None:
    """Let the kernel begin anew with the most that a process ever held, where it lets us."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
