"""Commands beside a running stack find it as every other command finds its service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.attach import attach, attach_all
from infra.stack.state import find_stack, stack_at
from tests.fakes.stack import Standins

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    settings = Settings(data=tmp_path_factory.mktemp("data"), port=0)
    with EmbeddedStack(settings, planner=Standins()) as stack:
        stack.wait_ready(20)
        yield stack


def test_stack_is_found_by_its_address_whatever_its_folder(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    port = stack.url.rpartition(":")[2]
    assert stack_at(stack.url) == stack.state
    assert stack_at(f"http://localhost:{port}/") == stack.state
    elsewhere = Settings(data=tmp_path)
    assert find_stack(elsewhere, stack.url) == stack.state
    assert find_stack(Settings(data=tmp_path, url=stack.url)) == stack.state
    assert find_stack(Settings(data=stack.state.data, url=NOBODY), stack.url) == stack.state


def test_an_address_wins_over_the_data_folder(stack: EmbeddedStack) -> None:
    """IMPASTO_URL means that service, not the one that happens to run here."""
    assert find_stack(Settings(data=stack.state.data)) == stack.state
    assert find_stack(Settings(data=stack.state.data), NOBODY) is None
    assert find_stack(Settings(data=stack.state.data, url=NOBODY)) is None


@pytest.mark.parametrize("url", [NOBODY, "nonsense", "http://x.example:8000", "http://[", ""])
def test_no_stack_is_at_other_addresses(stack: EmbeddedStack, url: str) -> None:
    assert stack_at(url) is None


@pytest.mark.parametrize("attached", [attach, attach_all])
def test_where_a_stack_was_looked_for_is_reported(attached: object, tmp_path: Path) -> None:
    assert callable(attached)
    with pytest.raises(ServiceUnavailable, match=NOBODY):
        attached(Settings(data=tmp_path), NOBODY)
    with pytest.raises(ServiceUnavailable, match=NOBODY):
        attached(Settings(data=tmp_path, url=NOBODY))
    named = Settings(data=tmp_path, s3_endpoint="http://s3.example", url=NOBODY)
    assert attach(named) == named
