"""The one folder that holds everything an embedded stack keeps."""

import fcntl
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

#: Bytes of a Unix socket's path that every system takes (Linux 108, macOS 104), less the suffix
#: that supervisord adds while it binds.
SOCKET_PATH_BYTES = 85


@dataclass(frozen=True)
class DataFolder:
    """The paths below `root` (absolute)."""

    root: Path

    @classmethod
    def prepare(cls, root: Path) -> "DataFolder":
        """Make the folder, closed to other users, with what the servers expect inside."""
        folder = cls(root.resolve())
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (folder.run, folder.logs, folder.redis, folder.objects, folder.scratch):
            part.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def run(self) -> Path:
        """Working directory of every process, with locks and generated configuration."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """Folder of the logs: a rotated file for each program."""
        return self.root / "logs"

    @property
    def redis(self) -> Path:
        """Folder of Redis's append-only file."""
        return self.root / "redis"

    @property
    def objects(self) -> Path:
        """Folder that S3 serves: a folder for each bucket, a plain file for each object."""
        return self.root / "s3"

    @property
    def scratch(self) -> Path:
        """Scratch space of large photos; on a disk, which /tmp often is not."""
        return self.root / "scratch"

    @property
    def state(self) -> Path:
        """File that says how to reach the running stack."""
        return self.root / "stack.json"

    @property
    def front_lock(self) -> Path:
        """Lock that the front of a running stack holds."""
        return self.run / "front.lock"

    @property
    def programs_lock(self) -> Path:
        """Lock that every process but the front holds, shared; see `infra.parent_death`."""
        return self.run / "programs.lock"

    def log(self, program: str) -> Path:
        """The log file of one program."""
        return self.logs / f"{program}.log"

    def socket(self) -> Path:
        """A path for the supervisor's socket; in a new short folder where ours is too deep."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        return Path(tempfile.mkdtemp(prefix="impasto-", dir="/tmp")) / "supervisor.sock"


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically by one that only this user can read."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def take_lock(path: Path, *, shared: bool = False, wait_seconds: float = 0.0) -> TextIO | None:
    """Lock a file for as long as the answer stays open; None when somebody else holds it.

    The kernel lets go when the holder dies, however it dies, so a lock is never stale.
    """
    file = path.open("a")
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
            time.sleep(0.1)
        else:
            return file
