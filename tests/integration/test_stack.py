"""The embedded stack for real: what is killed comes back, what was stored is still there."""

import json
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import connect_s3
from tests.fakes.stack import wait_until_gone
from tests.integration.conftest import servers_only
from tests.integration.live_stack import LiveStack, lives, wait_until


def _redis(settings: Settings) -> "Redis":
    assert settings.redis_url is not None
    return Redis.from_url(settings.redis_url.get_secret_value())


def test_stopping_and_starting_continues_where_it_was(tmp_path: Path) -> None:
    """Addresses, keys, Redis's records and S3's objects outlive the processes."""
    asked = Settings(data=tmp_path, port=0)
    with EmbeddedStack(asked, planner=servers_only) as first:
        first.wait_ready(30)
        with _redis(first.settings) as client:
            client.set("impasto:test", "kept")
        store = connect_s3(first.settings)
        store.ensure_bucket()
        store.put("a/b.txt", b"kept")
    assert wait_until_gone(tmp_path, 5) == []
    with EmbeddedStack(asked, planner=servers_only) as second:
        second.wait_ready(30)
        assert second.settings == first.settings
        with _redis(second.settings) as client:
            assert client.get("impasto:test") == b"kept"
        assert connect_s3(second.settings).get("a/b.txt") == b"kept"
    assert (tmp_path / "s3" / "impasto" / "a" / "b.txt").read_bytes() == b"kept"


def test_what_redis_acknowledged_survives_its_kill(servers: LiveStack) -> None:
    """The append-only file is written before the answer."""
    with _redis(servers.settings) as client:
        client.set("impasto:test", "acknowledged")
    servers.wait_back("redis", servers.kill("redis"))
    with _redis(servers.settings) as client:
        assert client.get("impasto:test") == b"acknowledged"


def test_the_servers_refuse_whoever_has_no_key(servers: LiveStack) -> None:
    """Loopback is shared with every user of the machine."""
    with (
        Redis(port=servers.stack.state.ports["redis"], retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.ping()
    assert servers.settings.s3_endpoint is not None
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(servers.settings.s3_endpoint + "/impasto")
    refusal.value.close()
    assert refusal.value.code in (400, 403)


def test_what_holds_secrets_is_closed_to_others(servers: LiveStack) -> None:
    """The data folder is private, and so is each file with a secret in it."""
    assert stat.S_IMODE(servers.data.stat().st_mode) & 0o077 == 0
    run = servers.data / "run"
    for path in (run / "redis.conf", run / "credentials.json", servers.data / "stack.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["redis", "s3", "api", "worker"])
def test_each_program_comes_back_from_kill_9(stack: LiveStack, name: str) -> None:
    """The whole is ready again without anybody's help, and children do not outlive their parent."""
    children = stack.children(name)
    stack.wait_back(name, stack.kill(name))
    stack.wait_ready()
    wait_until(lambda: not any(map(lives, children)), "the children to end", seconds=10)


def test_the_workers_child_comes_back_under_the_same_worker(stack: LiveStack) -> None:
    """Celery replaces its child; the supervisor has nothing to do."""
    worker, child = stack.pid("worker"), stack.pool_child()
    child.kill()
    child.wait(10)
    assert stack.pool_child().pid != child.pid
    assert stack.pid("worker") == worker
    stack.wait_ready()


def test_logs_of_api_and_worker_are_json_lines(stack: LiveStack) -> None:
    """So that they can be read by a program; each says which process wrote it."""
    for name in ("api", "worker"):
        lines = (stack.data / "logs" / f"{name}.log").read_text().splitlines()
        processes = {json.loads(line)["process"] for line in lines if line.startswith("{")}
        assert processes == {name}
