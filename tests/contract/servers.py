"""Real Redis and S3 servers for tests: free loopback ports, ended with the test session."""

import contextlib
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from infra.settings import Settings
from infra.stack.ports import free_port

#: Seconds until a server must answer.
START_SECONDS = 20.0


def program(name: str) -> str:
    """Return the path of a program installed beside Python, or on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed"
    return found


@contextlib.contextmanager
def running(command: list[str], ready: Callable[[], object], folder: Path) -> Iterator[None]:
    """Run a server until the block ends; its output goes to a file in `folder`."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _await(process, ready, folder)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
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


def redis_command(settings: Settings, folder: Path) -> list[str]:
    """Return the command of a Redis with its append-only file in `folder`."""
    assert settings.redis_url
    port = urlsplit(settings.redis_url.get_secret_value()).port
    return [
        *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", ""),
    ]


def s3_command(settings: Settings, folder: Path) -> list[str]:
    """Return the command of an S3 server over `folder`, with the settings' keys."""
    assert settings.s3_endpoint
    assert settings.s3_access_key
    assert settings.s3_secret_key
    access, secret = settings.s3_access_key, settings.s3_secret_key
    keys = f"{access.get_secret_value()},{secret.get_secret_value()}"
    return [
        *(program("rclone"), "serve", "s3", str(folder), "--config", ""),
        *("--addr", urlsplit(settings.s3_endpoint).netloc, "--auth-key", keys),
    ]


def fresh_settings(**changes: object) -> Settings:
    """Return settings with free ports and fresh keys for both servers."""
    values: dict[str, object] = {
        "redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0"),
        "s3_endpoint": f"http://127.0.0.1:{free_port()}",
        "s3_access_key": SecretStr(secrets.token_hex(10)),
        "s3_secret_key": SecretStr(secrets.token_hex(20)),
    }
    return Settings.model_validate(values | changes)
