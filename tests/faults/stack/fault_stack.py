"""The real stack with two workers, everything between it and its S3 breakable."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self, cast

from pydantic import SecretStr
from redis import Redis, RedisError

from infra.jobs.domain.model import JobRecord
from infra.redis.job_store import record_key
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.credentials import Credentials
from infra.stack.folder import DataFolder
from infra.stack.programs import API, REDIS, STORAGE, TRAINER, WORKER, Plan, make_plan
from infra.storage.s3 import S3Store, connect_s3
from tests.faults.campaign.tripwire import Tripwire
from tests.faults.stack.redis_line import RedisLine
from tests.faults.stack.storage_proxy import StorageProxy
from tests.integration.live_stack import LiveStack
from tests.integration.live_training import training_settings

SECOND_WORKER = "second"
WORKERS = (WORKER, SECOND_WORKER)
#: What Celery calls the node of each worker.
NODES = {WORKER: "celery", SECOND_WORKER: SECOND_WORKER}
PROGRAMS = (REDIS, STORAGE, API, *WORKERS, TRAINER)
#: Seconds that a claim of these stacks lives without a heartbeat.
LEASE_SECONDS = 4.0
#: Seconds until a stack must be ready, however much else the machine does.
READY_SECONDS = 300.0


class FaultStack(LiveStack):
    """API, two workers, trainer, Redis and S3 over one data folder; a context that runs them.

    `delay` is how many seconds S3 takes longer for every answer.
    """

    back_seconds = READY_SECONDS

    def __init__(self, data: Path, *, delay: float = 0.0, **settings: object) -> None:
        self.storage = StorageProxy(delay=delay)
        self.wire = Tripwire()
        self.line = RedisLine()
        usual = {
            "lease_seconds": LEASE_SECONDS,
            "ring_patience_seconds": 3,
            "engine": "torch",
            "trainer_yields": False,  # albums never cease here
        }
        self._asked = training_settings(data, **{**usual, **settings})
        self._server = ""
        super().__init__(EmbeddedStack(self._asked, planner=self._plan, report=lambda _line: None))

    def __enter__(self) -> Self:
        self.storage.start()
        self.wire.start()
        self.line.start()
        self.stack.start()
        self.wait_ready(READY_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stack.stop()
        self.line.stop()
        self.wire.stop()
        self.storage.stop()

    def _plan(self, settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
        """The usual plan, with a second worker, a proxy for S3 and ways to Redis that break."""
        plan = make_plan(settings, folder, credentials)
        self._server = f"http://127.0.0.1:{plan.ports[STORAGE]}"
        self.storage.leads_to = plan.ports[STORAGE]
        self.wire.leads_to = self.line.leads_to = plan.ports[REDIS]
        assert plan.settings.redis_url is not None
        direct = plan.settings.redis_url.get_secret_value()
        wired, lined = (
            ("env", f"IMPASTO_REDIS_URL={direct.replace(f':{plan.ports[REDIS]}/', f':{port}/')}")
            for port in (self.wire.port, self.line.port)
        )
        programs = {program.name: program for program in plan.programs}
        api, worker = programs[API], programs[WORKER]
        programs[API] = replace(api, command=(*wired, *api.command))
        programs[WORKER] = replace(worker, command=(*lined, *worker.command))
        programs[SECOND_WORKER] = replace(
            worker,
            name=SECOND_WORKER,
            command=(*lined, *worker.command, "--hostname", f"{SECOND_WORKER}@%h"),
        )
        broken = plan.settings.model_copy(update={"s3_endpoint": self.storage.url})
        return replace(plan, settings=broken, programs=tuple(programs.values()))

    def restart(self) -> None:
        """Stop everything in order, then start it again on what it left."""
        self.stack.stop()
        self.stack = EmbeddedStack(self._asked, planner=self._plan, report=lambda _line: None)
        self.stack.start()

    def bucket(self) -> S3Store:
        """The bucket, past the proxy."""
        return connect_s3(self.settings.model_copy(update={"s3_endpoint": self._server}))

    @contextmanager
    def redis(self) -> Iterator["Redis"]:
        """A connection to Redis, past the tripwire, that tries nothing twice."""
        assert self.settings.redis_url is not None
        address = cast("SecretStr", self.settings.redis_url).get_secret_value()
        client = Redis.from_url(address, decode_responses=True, socket_timeout=30)
        try:
            yield client
        finally:
            client.close()

    def in_a_chunk(self, worker: str) -> bool:
        """Whether a worker holds a chunk of which much is left to do; for choosing a moment."""
        with self.redis() as client, suppress(RedisError):
            documents = [client.hget(key, "doc") for key in client.scan_iter(match=record_key("*"))]
            records = [JobRecord.model_validate_json(str(found)) for found in documents if found]
            return any(
                chunk.lease.worker.startswith(f"{NODES[worker]}@")
                for record in records
                for chunk in record.active.values()
                if chunk.lease and chunk.in_flight and len(chunk.items) <= 3
            )
        return False

    def family(self, name: str) -> list[int]:
        """Process ids of a program and of all that it started."""
        return [self.pid(name), *(child.pid for child in self.children(name))]

    def signal(self, pids: list[int], number: signal.Signals) -> None:
        """Send a signal to processes; one that is gone already is no error."""
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def events(self, name: str, value: str) -> list[tuple[float, dict[str, Any]]]:
        """Lines of a program's log in which a field is `value`, each with its time, oldest
        first."""
        found: list[tuple[float, dict[str, Any]]] = []
        for path in sorted((self.data / "logs").glob(f"{name}.log*"), reverse=True):
            for line in path.read_text(errors="replace").splitlines():
                if f'"{value}"' in line and line.startswith("{"):
                    fields = json.loads(line)
                    found.append((datetime.fromisoformat(fields["timestamp"]).timestamp(), fields))
        return found
