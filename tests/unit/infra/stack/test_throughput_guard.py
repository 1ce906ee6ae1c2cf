"""A client may be slow, but not for the sake of it."""

import socket
import time
from contextlib import closing, suppress
from threading import Thread

import pytest

from infra.stack.gunicorn.throughput_guard import ThroughputGuard
from infra.stack.gunicorn.worker import MIN_BYTES_PER_SECOND, THROUGHPUT_SECONDS, ClientSocket


@pytest.fixture
def guard() -> ThroughputGuard:
    """The guard that the API asks for."""
    return ThroughputGuard(seconds=THROUGHPUT_SECONDS, bytes_per_second=MIN_BYTES_PER_SECOND)


def test_slow_mobile_upload_is_fast_enough(guard: ThroughputGuard) -> None:
    """It has 64 kbit/s, sends a packet at a time, and is silent now and then."""
    for _ in range(100):
        for _ in range(100):
            guard.count(1400, 1400 / 8000)
        guard.count(1400, 25)


def test_byte_now_and_then_is_not(guard: ThroughputGuard) -> None:
    for _ in range(4):
        guard.count(1, 12)
    with pytest.raises(TimeoutError):
        guard.count(1, 12)


def test_quick_start_buys_no_slow_rest(guard: ThroughputGuard) -> None:
    guard.count(1_000_000_000, THROUGHPUT_SECONDS)
    guard.count(1, THROUGHPUT_SECONDS - 1)
    with pytest.raises(TimeoutError):
        guard.count(1, 1)


def test_time_that_the_service_takes_is_not_the_clients(guard: ThroughputGuard) -> None:
    """Bytes that lie there already come at once, however late they are asked for."""
    for _ in range(1000):
        guard.count(1, 0)


def test_answer_that_is_taken_too_slowly_is_given_up() -> None:
    """Each sip makes room for the next bytes, so there is no silence."""
    server, reader = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    guard = ThroughputGuard(seconds=0.3, bytes_per_second=1_000_000)
    sip = Thread(target=_sip, args=(reader,))
    with closing(reader), closing(ClientSocket.taking_over(server, 1.0, guard)) as client:
        client.setblocking(True)
        sip.start()
        with pytest.raises(ConnectionResetError):
            client.sendall(bytes(100_000))
        assert client.gone
    sip.join()


def _sip(reader: socket.socket) -> None:
    with suppress(OSError):
        while reader.recv(1000):
            time.sleep(0.01)
