"""Decodes photos in subprocesses, so that a crash costs one photo and not the worker."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

import structlog

from infra.errors import ServiceUnavailable
from worker.pixels import exchange
from worker.pixels.bounds import OUT_OF_TIME, memory_for
from worker.pixels.memory_budget import MemoryBudget, Reservation
from worker.pixels.metadata import MetadataChoice
from worker.pixels.photo import Photo, PhotoRejected, PixelLimits

if TYPE_CHECKING:
    from infra.settings import Settings

log = structlog.get_logger()

#: Decoder processes that a photo may kill before it is rejected.
DEATHS: Final = 3
#: Seconds in which a decoder must read or write the next bytes. It ends itself far earlier (see
#: `bounds`); this limit is for a process that was suspended and cannot.
SILENCE_SECONDS: Final = 120.0
#: Seconds that a new decoder may take to start.
START_SECONDS: Final = 120.0

_PROGRAM: Final = "worker.pixels.decoder_process"


class PhotoDecoder:
    """A pool of decoder processes, one for each thread that decodes at the moment. Thread-safe.

    A process is started when one is needed, and kept; one that dies is replaced. Photos that need
    more than the memory `budget` together (by default the memory for the largest photo) wait for
    each other.
    """

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """Return a decoder within the limits of the settings."""
        limits = PixelLimits(max_megapixels=settings.max_photo_megapixels)
        budget = MemoryBudget(settings.memory_bytes)
        return cls(limits, max_file_bytes=settings.max_photo_bytes, budget=budget)

    def __init__(
        self,
        limits: PixelLimits,
        *,
        max_file_bytes: int,
        budget: MemoryBudget | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        program: str = _PROGRAM,
    ) -> None:
        memory = memory_for(limits, max_file_bytes)
        self._budget = budget or MemoryBudget(memory)
        self._command = [sys.executable, "-m", program]
        self._arguments = [str(limits.max_megapixels), str(memory)]
        self._silence_seconds = silence_seconds
        self._gate = threading.Lock()
        self._idle: list[_Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm_up(self) -> None:
        """Start a first process now, so that it is ready for the first photo."""
        self._check_in(self._start())

    def decode(self, data: bytes) -> Photo:
        """Decode a photo's file as `admit` does, without keeping a reservation."""
        photo, reservation = self.admit(data)
        reservation.release()
        return photo

    def admit(
        self,
        data: bytes,
        check: Callable[[], None] = lambda: None,
        keep: MetadataChoice = "keep-safe",
    ) -> tuple[Photo, Reservation]:
        """Decode a photo's file as `worker.pixels.decode` does, with the same errors.

        The caller releases the reservation once the photo has left memory. While the budget is
        used up, `check` is called again and again; what it raises ends the wait.

        Also raises PhotoRejected `photo-took-too-long`, PhotoRejected `photo-crashes-decoder` when
        the photo killed three processes, and ServiceUnavailable when no process can be started.
        """
        for _ in range(DEATHS):
            process = self._checkout()
            try:
                admitted = process.decode(data, keep, self._budget, check)
            except (OSError, EOFError) as error:
                self._record_death(process, error)
                continue
            except PhotoRejected:
                self._check_in(process)
                raise
            except BaseException:
                process.end()
                raise
            self._check_in(process)
            return admitted
        raise PhotoRejected(
            "photo-crashes-decoder",
            f"Decoding the photo ended its process {DEATHS} times; save it anew and send that.",
        )

    def close(self) -> None:
        """End the processes that are idle."""
        with self._gate:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _checkout(self) -> "_Process":
        with self._gate:
            process = self._idle.pop() if self._idle else None
        if process is not None and process.is_alive():
            return process
        if process is not None:
            process.end()
        return self._start()

    def _check_in(self, process: "_Process") -> None:
        with self._gate:
            self._idle.append(process)

    def _start(self) -> "_Process":
        try:
            return _Process(self._command, self._arguments, self._silence_seconds)
        except OSError as error:
            raise ServiceUnavailable(f"No photo decoder can be started: {error}.") from error

    def _record_death(self, process: "_Process", error: Exception) -> None:
        """Log that a process died; raises PhotoRejected if it ran out of its time."""
        code = process.end()
        if code == -OUT_OF_TIME:
            raise PhotoRejected(
                "photo-took-too-long",
                "Decoding the photo took too long for its size; save it anew and send that.",
            ) from error
        log.warning("photo decoder died", exit_code=code, reason=repr(error))


class _Process:
    """One decoder process, and the socket to it."""

    def __init__(self, command: list[str], arguments: list[str], silence_seconds: float) -> None:
        self._connection, theirs = socket.socketpair()
        self._silence_seconds = silence_seconds
        self._ready = False
        with theirs:
            number = theirs.fileno()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [*command, str(number), *arguments], pass_fds=[number], stdin=subprocess.DEVNULL
                )
            except OSError:
                self._connection.close()
                raise

    def decode(
        self,
        data: bytes,
        keep: MetadataChoice,
        budget: MemoryBudget,
        check: Callable[[], None],
    ) -> tuple[Photo, Reservation]:
        """Decode a file, once the budget admits its photo.

        Raises PhotoRejected; OSError or EOFError when the process dies or falls silent;
        ServiceUnavailable when it never started; and what `check` raises.
        """
        self._await_start()
        exchange.send_file(self._connection, data, keep)
        return exchange.receive_photo(self._connection, budget, check)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def end(self) -> int:
        """Kill the process; returns its exit code, negative for a signal."""
        self._connection.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def _await_start(self) -> None:
        """Wait until a new process is ready: a death before that is not the photo's fault."""
        if self._ready:
            return
        self._connection.settimeout(START_SECONDS)
        try:
            exchange.receive_ready(self._connection)
        except (OSError, EOFError) as error:
            raise ServiceUnavailable("A photo decoder did not start; its log says why.") from error
        self._connection.settimeout(self._silence_seconds)
        self._ready = True
