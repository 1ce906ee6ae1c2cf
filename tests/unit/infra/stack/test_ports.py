"""Ports: the same again while they are free."""

import socket
from pathlib import Path

import pytest

from infra.stack.ports import LOOPBACK, OURS, PortBook, free_port, is_free


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Where the ports are remembered."""
    return tmp_path / "ports.json"


def test_a_port_is_remembered(book: Path) -> None:
    """A restarted stack is where it was."""
    first = PortBook(book).port("redis")
    assert PortBook(book).port("redis") == first
    assert book.stat().st_mode & 0o777 == 0o600


def test_names_never_share_a_port(book: Path) -> None:
    """Not even when one prefers the other's."""
    ports = PortBook(book)
    redis = ports.port("redis")
    assert ports.port("s3", preferred=redis) != redis


def test_a_remembered_port_that_is_taken_is_replaced(book: Path) -> None:
    """Somebody else may listen there by now."""
    first = PortBook(book).port("redis")
    with socket.create_server((LOOPBACK, first)):
        assert not is_free(LOOPBACK, first)
        second = PortBook(book).port("redis")
    assert second != first
    assert is_free(LOOPBACK, second)


def test_a_wish_comes_before_memory(book: Path) -> None:
    """A changed setting counts at once."""
    ports = PortBook(book)
    ports.port("api")
    preferred = free_port()
    assert ports.port("api", preferred=preferred) == preferred


def test_no_connection_takes_a_port_that_was_chosen() -> None:
    """A stack that is stopped shall find its ports free when it starts again."""
    assert all(free_port() in OURS for _ in range(20))
    assert max(OURS) < 32_768


def test_a_port_that_is_spoken_for_is_not_chosen() -> None:
    assert free_port(but=OURS) not in OURS
