"""What memory a process had, as Linux tells; see proc_pid_status(5)."""

from pathlib import Path


def most_bytes(pid: int) -> int:
    """Return the most that a process ever held in RAM; 0 where nothing tells."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
