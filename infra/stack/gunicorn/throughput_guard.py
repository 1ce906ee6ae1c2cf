"""The throughput guard: gives up clients that are never quite silent, but too slow for a thread."""


class ThroughputGuard:
    """Counts the bytes that a client moves while a thread waits for it.

    After every `seconds` of waiting it checks their rate and starts anew: a quick start buys
    no slow rest. Time that the service itself takes does not count.
    """

    def __init__(self, *, seconds: float, bytes_per_second: float) -> None:
        self._seconds = seconds
        self._bytes_per_second = bytes_per_second
        self.restart()

    def restart(self) -> None:
        """Forget the bytes and seconds so far."""
        self._waited = 0.0
        self._moved = 0

    def count(self, size: int, waited: float) -> None:
        """Add bytes that took `waited` seconds; raises TimeoutError when the client is too slow."""
        self._moved += size
        self._waited += waited
        if self._waited < self._seconds:
            return
        if self._moved < self._bytes_per_second * self._waited:
            raise TimeoutError
        self.restart()
