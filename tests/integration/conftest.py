"""The real embedded stack, once a session; and its two servers alone, for adapters."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.credentials import Credentials
from infra.stack.folder import DataFolder
from infra.stack.programs import REDIS, STORAGE, Plan, make_plan
from tests.fakes.stack import READY, python, wait_until_gone
from tests.integration.live_stack import LiveStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Redis, S3, API and worker, as `impasto up` runs them, quick to notice what died.

    Tests share it: whoever kills something waits until it is back.
    """
    data = tmp_path_factory.mktemp("stack")
    settings = Settings(
        data=data,
        port=0,
        chunk_photos=4,
        lease_seconds=4,
        heartbeat_seconds=1,
        sweep_seconds=1,
        ring_patience_seconds=5,
        device="cpu",
        threads=1,
    )
    with EmbeddedStack(settings) as running:
        running.wait_ready()
        yield LiveStack(running)
    assert wait_until_gone(data, 10) == []
    # Whoever met one has its incident number alone: the log tells what it was.
    log = (data / "logs" / "api.log").read_text()
    assert not [line for line in log.splitlines() if "unexpected error" in line]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A real Redis and a real S3, and nothing that would use them."""
    data = tmp_path_factory.mktemp("servers")
    with EmbeddedStack(Settings(data=data, port=0), planner=servers_only) as running:
        running.wait_ready(30)
        yield LiveStack(running)
    assert wait_until_gone(data, 10) == []


def servers_only(settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
    """The real plan's servers, with a stand-in for the API."""
    plan = make_plan(settings, folder, credentials)
    kept = [program for program in plan.programs if program.name in (REDIS, STORAGE)]
    return replace(plan, programs=(*kept, python("api", READY)))
