"""A gateway to S3 that kills whoever writes a checkpoint, at a chosen boundary of the write.

It stands between the trainers and the storage server and passes on what it is not to kill for.
What the server has seen of a request is then exactly what a process leaves that dies there.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.faults.stack.storage_proxy import Message, Mischief, StorageProxy

#: What the keys of checkpoints have in them.
CHECKPOINTS: Final = b"/checkpoints/"
#: What has arrived of a request by then.
_ARRIVED: Final = {
    "before": Mischief.RESET,
    "within": Mischief.CUT,
    "after": Mischief.UNANSWERED,
}


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place in the writing of a checkpoint: nothing, half or all of a request has arrived.

    After all of it has, the process dies without an answer.
    """

    method: Literal["PUT", "DELETE"]
    moment: Literal["before", "within", "after"]

    def __str__(self) -> str:
        """Name it for a table."""
        return f"{self.moment} {self.method}"

    def lies_in(self, head: bytes) -> bool:
        """Whether a request with that head is one in which the boundary lies."""
        method, path, *_ = head.split(b" ", 2)
        return method.decode() == self.method and CHECKPOINTS in path


#: Every boundary of a checkpoint: it is put, and then the oldest one is deleted.
BOUNDARIES: Final = (
    Boundary("PUT", "before"),
    Boundary("PUT", "within"),
    Boundary("PUT", "after"),
    Boundary("DELETE", "before"),
    Boundary("DELETE", "after"),
)


class Gateway(StorageProxy):
    """Kills the next one who comes to a boundary; `kill` is told the port of that one's socket."""

    def __init__(self, upstream: int, kill: Callable[[int], None]) -> None:
        super().__init__()
        self.leads_to = upstream
        self.kill = kill
        self._armed: Boundary | None = None
        self._lock = threading.Lock()

    @property
    def armed(self) -> bool:
        """Whether a boundary still waits for somebody to come to it."""
        return self._armed is not None

    def arm(self, boundary: Boundary) -> None:
        """Kill the next one who comes to a boundary."""
        with self._lock:
            self._armed = boundary

    def _disarm(self, head: bytes) -> Boundary | None:
        """Return the boundary that a request comes to, which then waits no more."""
        with self._lock:
            due = self._armed
            if due is None or not due.lies_in(head):
                return None
            self._armed = None
            return due

    async def _pass(
        self,
        request: Message,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> bool:
        due = self._disarm(request.head)
        if due is None:
            return await super()._pass(request, client, answers, server)
        await self._treat(_ARRIVED[due.moment], request, client, answers, server)
        # While its connection stands, or nobody could tell whose it was.
        await asyncio.to_thread(self.kill, client.get_extra_info("peername")[1])
        return False
