"""Decodes photos in processes of their own, whose death costs one photo and not the worker."""

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
from worker.pixels.memory_budget import Part, Room
from worker.pixels.photo import Photo, PhotoRejected, PixelLimits

if TYPE_CHECKING:
    from infra.settings import Settings

log = structlog.get_logger()

#: Deaths of decoders after which a photo is not tried again.
DEATHS: Final = 3
#: Seconds in which a decoder must take or give the next bytes. It ends itself far earlier (see
#: `bounds`); this is for one that cannot, because it was stopped.
SILENCE_SECONDS: Final = 120.0
#: Seconds that a new decoder may take to start.
START_SECONDS: Final = 120.0

_PROGRAM: Final = "worker.pixels.decoder_process"


class PhotoDecoder:
    """As many decoder processes as there are threads that decode at a time; threads may share it.

    A process is started when one is needed and kept; one that dies is replaced. Photos that take
    more than the `room` together (by default, what decoding the largest takes) wait for each other.
    """

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """Return a decoder within the limits of the settings."""
        limits = PixelLimits(max_megapixels=settings.max_photo_megapixels)
        room = Room(settings.memory_bytes)
        return cls(limits, max_file_bytes=settings.max_photo_bytes, room=room)

    def __init__(
        self,
        limits: PixelLimits,
        *,
        max_file_bytes: int,
        room: Room | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        program: str = _PROGRAM,
    ) -> None:
        memory = memory_for(limits, max_file_bytes)
        self._room = room or Room(memory)
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
        """Start a first process, which gets ready while others do other things."""
        self._put_back(self._start())

    def decode(self, data: bytes) -> Photo:
        """Decode a photo's file as `admit` does; others may have its room at once."""
        photo, part = self.admit(data)
        part.give_back()
        return photo

    def admit(self, data: bytes, check: Callable[[], None] = lambda: None) -> tuple[Photo, Part]:
        """Decode a photo's file as `worker.pixels.decode` does, and raise what that raises.

        The part of the room is the caller's to give back, once the photo has left memory. Also
        raises PhotoRejected `photo-took-too-long`, and `photo-crashes-decoder` when three
        processes died of it; ServiceUnavailable when none can be started; and what `check` raises,
        which is called again and again while there is no room.
        """
        for _ in range(DEATHS):
            process = self._take()
            try:
                admitted = process.ask(data, self._room, check)
            except (OSError, EOFError) as error:
                self._bury(process, error)
                continue
            except PhotoRejected:
                self._put_back(process)
                raise
            except BaseException:
                process.end()
                raise
            self._put_back(process)
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

    def _take(self) -> "_Process":
        with self._gate:
            process = self._idle.pop() if self._idle else None
        if process is not None and process.lives():
            return process
        if process is not None:
            process.end()
        return self._start()

    def _put_back(self, process: "_Process") -> None:
        with self._gate:
            self._idle.append(process)

    def _start(self) -> "_Process":
        try:
            return _Process(self._command, self._arguments, self._silence_seconds)
        except OSError as error:
            raise ServiceUnavailable(f"No photo decoder can be started: {error}.") from error

    def _bury(self, process: "_Process", error: Exception) -> None:
        """Take note of a death; raises PhotoRejected where the photo took too long."""
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

    def ask(self, data: bytes, room: Room, check: Callable[[], None]) -> tuple[Photo, Part]:
        """Have a file decoded, once there is room for its photo.

        Raises PhotoRejected, OSError or EOFError when the process dies or falls silent,
        ServiceUnavailable when it never started, and what `check` raises.
        """
        self._await_start()
        exchange.send_file(self._connection, data)
        return exchange.receive_photo(self._connection, room, check)

    def lives(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def end(self) -> int:
        """End the process, whatever it is doing; returns its exit code, negative for a signal."""
        self._connection.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def _await_start(self) -> None:
        """Wait for a new process: its death now is not of the photo's making."""
        if self._ready:
            return
        self._connection.settimeout(START_SECONDS)
        try:
            exchange.receive_ready(self._connection)
        except (OSError, EOFError) as error:
            raise ServiceUnavailable("A photo decoder did not start; its log says why.") from error
        self._connection.settimeout(self._silence_seconds)
        self._ready = True
