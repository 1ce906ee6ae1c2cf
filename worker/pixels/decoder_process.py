"""`python -m worker.pixels.decoder_process FD MEGAPIXELS BYTES`: decodes one file after another.

It receives files and sends photos over the socket FD (see `exchange`) until the other side closes
it. A hostile file can only harm this process: the worker shares nothing with it but the socket.
"""

import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from worker.pixels import exchange
from worker.pixels.bounds import SECONDS, TimedLimits, allow_memory, allow_seconds
from worker.pixels.decode import decode
from worker.pixels.metadata import MetadataChoice
from worker.pixels.photo import Photo, PhotoRejected, PixelLimits

Decode = Callable[[bytes, PixelLimits, MetadataChoice], Photo]


def main(decode: Decode = decode) -> None:
    """Serve the worker that started this process, until it closes the socket or dies."""
    descriptor, megapixels, memory_bytes = sys.argv[1:]
    # The worker ends this process; Ctrl-C and a stop of the stack signal the whole group.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    allow_memory(int(memory_bytes))
    with socket.socket(fileno=int(descriptor)) as connection, suppress(EOFError, ConnectionError):
        exchange.send_ready(connection)
        while True:
            _serve(connection, decode, float(megapixels))


def _serve(connection: socket.socket, decode: Decode, megapixels: float) -> None:
    data, keep = exchange.receive_file(connection)
    requested: list[int] = []

    def begin(pixels: int) -> None:
        if not requested:  # some formats have their size checked twice
            requested.append(pixels)
            exchange.await_admission(connection, pixels)

    limits = TimedLimits(max_megapixels=megapixels, begin=begin)
    allow_seconds(SECONDS)
    try:
        photo = decode(data, limits, keep)
    except PhotoRejected as rejected:
        allow_seconds(0)
        exchange.send_rejection(connection, rejected)
    else:
        allow_seconds(0)
        exchange.send_photo(connection, photo)


if __name__ == "__main__":
    main()
