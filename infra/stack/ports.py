"""The stack's ports: the same ones again while they are free."""

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

from infra.stack.folder import write_private

LOOPBACK = "127.0.0.1"
#: Ports to choose from. Linux gives those from 32,768 on to whoever opens a connection: one of them
#: could be gone when a stack that was stopped wants it back.
OURS = range(20_000, 32_768)


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_port(host: str = LOOPBACK, *, but: Collection[int] = ()) -> int:
    """Return a port that nobody listens on, none of `but`."""
    for port in random.sample(OURS, 100):
        if port not in but and is_free(host, port):
            return port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class PortBook:
    """Ports by name, kept in a file, so that a restarted stack has the same ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def port(self, name: str, host: str = LOOPBACK, preferred: int = 0) -> int:
        """Return the first free on `host`: `preferred`, the remembered port of `name`, any."""
        remembered = self._ports.get(name, 0)
        candidates = [preferred, remembered] if preferred else [remembered]
        taken = {port for other, port in self._ports.items() if other != name}
        for candidate in candidates:
            if candidate and candidate not in taken and is_free(host, candidate):
                return self._remember(name, candidate)
        return self._remember(name, free_port(host, but=taken))

    def _remember(self, name: str, port: int) -> int:
        self._ports = {**self._ports, name: port}
        write_private(self._path, json.dumps(self._ports))
        return port
