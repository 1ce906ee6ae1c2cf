"""The real decoder process, and words that make it misbehave as a hostile photo might."""

import os
import signal
from pathlib import Path

import numpy as np

from worker.pixels import Photo, PhotoRejected, PixelLimits, decode
from worker.pixels.decoder_process import main
from worker.pixels.metadata import MetadataChoice

#: What a test sends in a photo's place. KILL_ONCE is followed by the path of a file to leave.
KILL, KILL_ONCE, SPIN, HOARD = b"kill", b"once", b"spin", b"hoard"
#: As KILL, once the photo's size is known.
KILL_DECODING = b"kill decoding"


def decode_or_misbehave(data: bytes, limits: PixelLimits, keep: MetadataChoice) -> Photo:
    """Decode a photo; do as one is told by anything else."""
    if data == KILL_DECODING:
        limits.check(1000, 1000)
    if data in (KILL, KILL_DECODING):
        os.kill(os.getpid(), signal.SIGKILL)
    if data.startswith(KILL_ONCE) and not (left := Path(data[4:].decode())).exists():
        left.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(KILL_ONCE):
        raise PhotoRejected("second-life", "This process was told to die, and another did.")
    while data == SPIN:
        pass
    if data == HOARD:
        hoard()
    return decode(data, limits, keep)


def hoard() -> None:
    """Take 8 GB, or say that there is no memory."""
    try:
        np.ones(8_000_000_000, np.uint8)
    except MemoryError as error:
        raise PhotoRejected("no-memory", "This process may not have 8 GB.") from error


if __name__ == "__main__":
    main(decode_or_misbehave)
