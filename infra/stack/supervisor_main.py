"""`python supervisor_main.py OPTIONS...`: supervisord, which a full disk does not stop.

What cannot be written to a program's log it reports on stderr, which is a file of the same disk.
When that failed too, it would read the program's output no more, and the program would wait for
ever with its next line.
"""

import sys
from contextlib import suppress
from typing import TextIO, cast


class LossyStream:
    """A text stream that loses what cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose it."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Bring to the file what can be."""
        with suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        """The file's descriptor."""
        return self._stream.fileno()


if __name__ == "__main__":
    sys.stderr = cast("TextIO", LossyStream(sys.stderr))
    # Now, because it keeps what stderr is.
    from supervisor.supervisord import (  # pyright: ignore[reportMissingTypeStubs]
        main,  # pyright: ignore[reportUnknownVariableType]
    )

    main()
