"""Workers whose connection to Redis breaks in the worst moments: each takes work again by itself.

The moments are those after which kombu alone would ask for no message any more, or wait for one on
a connection that is dead. Any other moment comes in the campaign, and a hundred of them in
`python3 infra/dev.py bench faults --kinds line`.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto_client import Client, JobState
from tests.faults.campaign.albums import Gallery, watch_until
from tests.faults.campaign.campaign import BOUNCE_SECONDS, TAKEN
from tests.faults.stack.fault_stack import READY_SECONDS, WORKERS, FaultStack
from tests.faults.stack.redis_line import Break

#: What an acknowledgement alone sends.
ACKNOWLEDGE = b"HDEL\r\n"
#: What a worker sends when it asks for messages.
ASK = b"BRPOP\r\n"
#: Seconds until such a command must come by, and until what was sent must be painted.
COMMAND_SECONDS = 120.0

pytestmark = pytest.mark.timeout(600)


class Load:
    """Albums in short succession, so that none of the workers can take all of them."""

    def __init__(self, stack: FaultStack, client: Client, folder: Path) -> None:
        self._stack = stack
        self._client = client
        self._gallery = Gallery(stack.url, folder, first=800)

    def send_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Send until something holds; fails with `what` after `seconds`."""
        deadline = time.time() + seconds
        while not condition():
            assert time.time() < deadline, f"waited {seconds:.0f} s for {what}"
            for _ in range(3):
                self._gallery.submit(self._client, 1)
            time.sleep(0.3)

    def send_until_all_take(self) -> None:
        """Send until every worker has taken a message since now, for as long as is promised."""
        since = time.time()

        def all_take() -> bool:
            taken = [self._stack.events(name, TAKEN) for name in WORKERS]
            return all(any(moment > since for moment, _ in events) for events in taken)

        self.send_until(all_take, "every worker to take a message", BOUNCE_SECONDS)

    def check_painted(self) -> None:
        """Wait until all that was sent is painted."""
        for album in self._gallery.albums:
            job = watch_until(
                self._client, album, lambda job: job.state.terminal, "an album", COMMAND_SECONDS
            )
            assert (job.state, album.wrong) == (JobState.SUCCEEDED, [])


@pytest.mark.parametrize("how", Break)
@pytest.mark.parametrize("word", [ACKNOWLEDGE, ASK], ids=["acknowledgement", "asking"])
def test_worker_takes_work_again_after_its_connection_broke(
    faulty: FaultStack, client: Client, tmp_path: Path, how: Break, word: bytes
) -> None:
    """And nothing that was sent meanwhile is lost."""
    faulty.wait_ready(READY_SECONDS)
    load = Load(faulty, client, tmp_path)
    broken = faulty.line.broken
    faulty.line.break_at(1, how, word)
    load.send_until(lambda: faulty.line.broken > broken, "the command", COMMAND_SECONDS)
    load.send_until_all_take()
    load.check_painted()
