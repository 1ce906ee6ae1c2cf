"""The protocol between a worker and its decoder process.

The worker sends a file. The process reports the photo's size and waits until the memory budget
admits it; then it sends the photo, or the reason why the file was rejected.

Each message is a head (JSON, preceded by its length) and the bytes that the head announces. Either
side raises EOFError when the other ends in the middle of a message.
"""

import json
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from worker.pixels.bounds import BYTES_PER_PIXEL, KEPT_BYTES_PER_PIXEL
from worker.pixels.memory_budget import MemoryBudget, Reservation
from worker.pixels.metadata import Metadata, MetadataChoice
from worker.pixels.photo import Photo, PhotoRejected, Pixels

_LENGTH = struct.Struct("!I")


def send_ready(connection: socket.socket) -> None:
    """Announce that the process accepts files."""
    _send_head(connection, {})


def receive_ready(connection: socket.socket) -> None:
    """Wait until the decoder has started."""
    _receive_head(connection)


def send_file(connection: socket.socket, data: bytes, keep: MetadataChoice) -> None:
    """Send a photo's file, and what metadata its result keeps."""
    _send_head(connection, {"bytes": len(data), "keep": keep})
    connection.sendall(data)


def receive_file(connection: socket.socket) -> tuple[bytes, MetadataChoice]:
    """Receive a photo's file and what metadata its result keeps.

    Raises EOFError when the worker has closed the connection.
    """
    head = _receive_head(connection)
    return _receive_bytes(connection, head["bytes"]), head["keep"]


def send_photo(connection: socket.socket, photo: Photo) -> None:
    """Send a decoded photo."""
    head = {
        "size": photo.rgb.shape[:2],
        "clear": photo.alpha is not None,
        "format": photo.format,
        "exif": len(photo.metadata.exif),
        "xmp": len(photo.metadata.xmp),
        "note": photo.note,
    }
    _send_head(connection, head)
    for pixels in (photo.rgb, photo.alpha):
        if pixels is not None:
            connection.sendall(pixels.data.cast("B"))
    connection.sendall(photo.metadata.exif + photo.metadata.xmp)


def send_rejection(connection: socket.socket, rejected: PhotoRejected) -> None:
    """Send the reason why a file was rejected."""
    _send_head(connection, {"rejected": rejected.type, "detail": rejected.detail})


def await_admission(connection: socket.socket, pixels: int) -> None:
    """Wait until a photo of `pixels` pixels may be decoded."""
    _send_head(connection, {"pixels": pixels})
    _receive_head(connection)


def receive_photo(
    connection: socket.socket, budget: MemoryBudget, check: Callable[[], None]
) -> tuple[Photo, Reservation]:
    """Reserve memory for a file's photo, then receive the photo; the caller releases the memory.

    Raises PhotoRejected, and what `check` raises while the reservation waits.
    """
    head = _accepted(_receive_head(connection))
    reservation = budget.reserve(head["pixels"] * BYTES_PER_PIXEL, check)
    try:
        _send_head(connection, {})
        photo = _receive_photo(connection, _accepted(_receive_head(connection)))
    except BaseException:
        reservation.release()
        raise
    reservation.shrink(head["pixels"] * KEPT_BYTES_PER_PIXEL)
    return photo, reservation


def _accepted(head: dict[str, Any]) -> dict[str, Any]:
    if "rejected" in head:
        raise PhotoRejected(head["rejected"], head["detail"])
    return head


def _receive_photo(connection: socket.socket, head: dict[str, Any]) -> Photo:
    height, width = head["size"]
    return Photo(
        rgb=_receive_pixels(connection, (height, width, 3)),
        alpha=_receive_pixels(connection, (height, width)) if head["clear"] else None,
        format=head["format"],
        metadata=Metadata(
            exif=_receive_bytes(connection, head["exif"]),
            xmp=_receive_bytes(connection, head["xmp"]),
        ),
        note=head["note"],
    )


def _send_head(connection: socket.socket, head: dict[str, Any]) -> None:
    body = json.dumps(head).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def _receive_head(connection: socket.socket) -> dict[str, Any]:
    length = bytearray(_LENGTH.size)
    _fill(connection, memoryview(length))
    body = bytearray(_LENGTH.unpack(length)[0])
    _fill(connection, memoryview(body))
    return cast("dict[str, Any]", json.loads(body))


def _receive_pixels(connection: socket.socket, shape: tuple[int, ...]) -> Pixels:
    pixels = np.empty(shape, np.uint8)
    _fill(connection, pixels.data.cast("B"))
    return pixels


def _receive_bytes(connection: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    _fill(connection, memoryview(data))
    return bytes(data)


def _fill(connection: socket.socket, view: memoryview) -> None:
    while view:
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
