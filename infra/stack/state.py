"""The file that says how to reach a data folder's stack, for the CLI and tests."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.stack.folder import DataFolder, take_lock, write_private
from infra.stack.supervision import Process, Supervisor


class StackState(BaseModel):
    """How to reach a running stack."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    data: Path
    #: Process of the front: `impasto up`, the demo, a test.
    pid: int
    supervisor_pid: int
    #: Supervisor's Unix socket.
    socket: Path
    ports: dict[str, int]

    def processes(self) -> dict[str, Process]:
        """Return every program by name, with its process id now."""
        return Supervisor(self.socket).processes()


def write_state(folder: DataFolder, state: StackState) -> None:
    """Write the file (mode 0600)."""
    write_private(folder.state, state.model_dump_json(indent=2) + "\n")


def read_state(folder: DataFolder) -> StackState | None:
    """Return what the last stack wrote; it may be gone. None when nothing readable is there."""
    try:
        return StackState.model_validate_json(folder.state.read_text())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def running_stack(data: Path) -> StackState | None:
    """Return the stack that runs on this data folder now, else None. Creates nothing."""
    folder = DataFolder(data.resolve())
    state = read_state(folder)
    if state is None or not folder.front_lock.exists():
        return None
    lock = take_lock(folder.front_lock, shared=True)
    if lock is None:
        return state
    lock.close()
    return None
