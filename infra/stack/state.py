"""How to reach a stack that runs: from the file in its data folder, or by its address.

For the command line and tests.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.loopback import is_loopback
from infra.settings import Settings
from infra.stack.environment import PREFIX
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


def stack_at(url: str) -> StackState | None:
    """Return the stack of this user on this machine that serves an address, whatever its folder."""
    wanted = _endpoint(url)
    found = (running_stack(data) for data in sorted(set(_data_folders())))
    return next((state for state in found if state and _endpoint(state.url) == wanted), None)


def find_stack(settings: Settings, url: str | None = None) -> StackState | None:
    """Return the running stack that a command means: at `url`, or where the settings say.

    They say IMPASTO_URL, else the data folder; where neither is set, the usual address, too.
    """
    if url or "url" in settings.model_fields_set:
        return stack_at(url or settings.url)
    found = running_stack(settings.data)
    return found if found or "data" in settings.model_fields_set else stack_at(settings.url)


def _data_folders() -> Iterator[Path]:
    """Yield the data folders that this user's processes were started with."""
    for process in psutil.process_iter():
        try:
            data = process.environ().get(f"{PREFIX}DATA")
        except (psutil.Error, OSError):  # somebody else's, or gone
            continue
        if data and Path(data).is_absolute():  # as a stack hands it to its programs
            yield Path(data)


def _endpoint(url: str) -> tuple[str, int | None] | None:
    """Return the host and port of an address; None for what is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    return ("localhost" if is_loopback(host) else host, port or 80)
