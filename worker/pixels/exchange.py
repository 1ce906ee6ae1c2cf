"""What goes between a worker and its decoder process: a file there; a photo or a reason back.

In between, the process says how large the photo is, and waits until there is room for it.

Each message is a head, JSON with its length before it, and the bytes that the head speaks of.
Either side raises EOFError when the other one ends amid a message.
"""

import json
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from worker.pixels.bounds import BYTES_PER_PIXEL, KEPT_BYTES_PER_PIXEL
from worker.pixels.memory_budget import Part, Room
from worker.pixels.photo import Photo, PhotoRejected, Pixels

_LENGTH = struct.Struct("!I")


def send_ready(connection: socket.socket) -> None:
    """Say that files can come."""
    _send_head(connection, {})


def receive_ready(connection: socket.socket) -> None:
    """Wait until the decoder has started."""
    _receive_head(connection)


def send_file(connection: socket.socket, data: bytes) -> None:
    """Send a photo's file."""
    _send_head(connection, {"bytes": len(data)})
    connection.sendall(data)


def receive_file(connection: socket.socket) -> bytes:
    """Receive a photo's file; raises EOFError when there will be no more."""
    data = bytearray(_receive_head(connection)["bytes"])
    _fill(connection, memoryview(data))
    return bytes(data)


def send_photo(connection: socket.socket, photo: Photo) -> None:
    """Send what a file was decoded to."""
    head = {"size": photo.rgb.shape[:2], "clear": photo.alpha is not None, "format": photo.format}
    _send_head(connection, head)
    for pixels in (photo.rgb, photo.alpha):
        if pixels is not None:
            connection.sendall(pixels.data.cast("B"))


def send_rejection(connection: socket.socket, rejected: PhotoRejected) -> None:
    """Send why a file was turned away."""
    _send_head(connection, {"rejected": rejected.type, "detail": rejected.detail})


def await_room(connection: socket.socket, pixels: int) -> None:
    """Wait until a photo of so many pixels may be decoded."""
    _send_head(connection, {"pixels": pixels})
    _receive_head(connection)


def receive_photo(
    connection: socket.socket, room: Room, check: Callable[[], None]
) -> tuple[Photo, Part]:
    """Receive what became of a file, once its photo has its part of the room: the caller's now.

    Raises PhotoRejected, and what `check` raises while there is no room.
    """
    head = _accepted(_receive_head(connection))
    part = room.take(head["pixels"] * BYTES_PER_PIXEL, check)
    try:
        _send_head(connection, {})
        photo = _receive_photo(connection, _accepted(_receive_head(connection)))
    except BaseException:
        part.give_back()
        raise
    part.keep(head["pixels"] * KEPT_BYTES_PER_PIXEL)
    return photo, part


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


def _fill(connection: socket.socket, view: memoryview) -> None:
    while view:
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
