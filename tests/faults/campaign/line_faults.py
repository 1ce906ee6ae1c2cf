"""Faults on the way between workers and Redis, which workers must survive by themselves."""

import random
import time

from tests.faults.campaign.site import Site
from tests.faults.stack.fault_stack import LEASE_SECONDS
from tests.faults.stack.redis_line import Break

#: Seconds that are waited for the command at which it breaks.
COMMAND_SECONDS = 120.0
#: Commands from now among which one is chosen at which a worker's connection breaks: more than
#: two workers send for a chunk each.
COMMANDS = 120


def break_redis_line(site: Site, chance: random.Random) -> None:
    """Break a worker's connection to Redis at any command of a chunk's way, in any way."""
    line = site.stack.line
    line.break_at(chance.randint(1, COMMANDS), chance.choice(list(Break)))
    deadline = time.monotonic() + COMMAND_SECONDS
    while not line.whole and time.monotonic() < deadline:
        time.sleep(0.05)
    if not line.whole:
        site.wrong.append(f"no worker sent {COMMANDS} commands in {COMMAND_SECONDS:.0f} s")
    line.mend()
    site.bounces.append(time.time())


def lose_replies(site: Site, chance: random.Random) -> None:
    """Lose a tenth of what Redis answers to workers."""
    with site.stack.line.losing(0.1, chance.getrandbits(32)):
        time.sleep(chance.uniform(LEASE_SECONDS, 3 * LEASE_SECONDS))
    site.bounces.append(time.time())
