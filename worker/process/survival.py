"""What a process says that has lost a lease and lives: nothing that it worked on took it down.

The sweeper cannot tell a worker that is cut off, or stopped for a while, from a dead one, and
suspects what was in flight. The dead stay silent; whoever lives says so as soon as it is heard.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from infra.errors import ServiceUnavailable

log = structlog.get_logger()

#: Seconds between two attempts to be heard: the first pause and the longest.
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0


def tell_survival(
    tell: Callable[[], None], stop: threading.Event, *, pause: float = FIRST_PAUSE
) -> None:
    """Repeat `tell` until the service hears it; once `stop` is set, it is tried no more.

    It may take as long as an outage of Redis does, in which there is no other work to be had.
    """
    while True:
        try:
            return tell()
        except ServiceUnavailable as error:
            log.warning("survival not heard", reason=error.detail)
        if stop.wait(pause):
            return
        pause = min(2 * pause, LONGEST_PAUSE)
