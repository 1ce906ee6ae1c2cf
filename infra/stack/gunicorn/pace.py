"""Whether a client that is never quite silent is still worth a thread."""


class Pace:
    """Bytes that a client moves while it is waited for.

    They are looked at each time that it has been waited for `seconds` in all, and forgotten then: a
    quick start buys no slow rest. What the service itself takes in between does not count.
    """

    def __init__(self, *, seconds: float, bytes_per_second: float) -> None:
        self._seconds = seconds
        self._bytes_per_second = bytes_per_second
        self.restart()

    def restart(self) -> None:
        """Forget what was so far."""
        self._waited = 0.0
        self._moved = 0

    def count(self, size: int, waited: float) -> None:
        """Add bytes that took so many seconds; raises TimeoutError where it has been too slow."""
        self._moved += size
        self._waited += waited
        if self._waited < self._seconds:
            return
        if self._moved < self._bytes_per_second * self._waited:
            raise TimeoutError
        self.restart()
