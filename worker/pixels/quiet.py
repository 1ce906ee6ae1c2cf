"""Suppresses Pillow's warnings while photos are decoded; errors are reported in our own words.

Hostile photos make Pillow warn about bombs, broken EXIF and odd palettes. Where warnings are
errors, such a warning would turn a readable photo into a failed one.
"""

import threading
import warnings
from types import TracebackType


class QuietPillow:
    """A context in which warnings raised inside Pillow are ignored; threads may overlap in it.

    `warnings.catch_warnings` alone is not safe here: it saves and restores the one process-wide
    list of filters, so two overlapping threads leave the wrong one behind. So the first thread
    in saves it and the last one out restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(kind, error, trace)


quiet_pillow = QuietPillow()
