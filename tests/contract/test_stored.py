"""What earlier versions stored is read, and written back as they would read it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from redis import Redis

from infra.broker.notifier import CeleryNotifier, celery_app
from infra.bundled import BUNDLED_BACKBONE
from infra.catalogue import StyleCatalogue
from infra.catalogue.card import StyleCard
from infra.catalogue.style import WeightedNet
from infra.deployment import Deployment, prepare
from infra.errors import StyleTaken
from infra.jobs.domain.model import JobRecord
from infra.jobs.manifest import Manifest
from infra.redis.client import RedisClient
from infra.redis.counters import Counters
from infra.redis.job_store import RedisJobStore
from infra.redis.worker_registry import TRAINERS_KEY, WORKERS_KEY, WorkerRegistry
from infra.settings import Settings
from tests.fakes.jobs import Clock
from tests.fakes.storage import MemoryStore
from tests.stored import VERSIONS, Stored, keeps
from trainer.training.checkpoint import FORMAT, FORMAT_VERSION, pack_checkpoint, unpack_checkpoint
from worker.engines.net_cache import NetCache
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet
from worker.net.affine import AffineCard, pack_affine, take_affine
from worker.net.netfile import NetCard, pack, read_described

KINDS = ("album", "training")
TENANT = "default"


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest, version: str) -> Stored:
    return Stored(version, request.param)


@pytest.fixture
def album(version: str) -> Stored:
    return Stored(version, "album")


@pytest.fixture
def training(version: str) -> Stored:
    return Stored(version, "training")


def bucket(stored: Stored) -> MemoryStore:
    """Return a bucket that holds what the version left in its own."""
    objects = MemoryStore()
    for key, body in stored.objects.items():
        objects.put(key, body)
    return objects


def lines(body: bytes) -> list[Any]:
    """Return what JSON, or JSON Lines, say."""
    return [json.loads(line) for line in body.splitlines()]


def records_of(redis_client: RedisClient, stored: Stored) -> RedisJobStore:
    """Return the records of a Redis that holds what the version left in its own."""
    stored.fill(cast("Redis", redis_client))
    return RedisJobStore(client=redis_client)


def test_a_record_in_redis_is_read_and_written_back(
    redis_client: RedisClient, stored: Stored
) -> None:
    """Written by a change that notes a time alone, so that all else must be as it was."""
    records = records_of(redis_client, stored)

    def note_the_time(record: JobRecord) -> tuple[JobRecord, None]:
        return record.model_copy(update={"started": stored.now}), None

    for job, document in stored.records.items():
        records.change(job, note_the_time)
        written = cast("dict[str, str]", redis_client.hgetall(f"impasto:job:{job}"))
        before = {**json.loads(document), "started": stored.now}
        assert keeps(before, json.loads(written["doc"]))


def test_the_list_and_the_counts_of_open_jobs_go_on(
    redis_client: RedisClient, stored: Stored
) -> None:
    records = records_of(redis_client, stored)
    assert records.remembers()
    waiting = records.waiting(TENANT)
    assert (waiting[0].jobs, waiting[0]) == (2, waiting[1])
    records.recount()
    assert records.waiting(TENANT) == waiting
    for job in records.open_jobs():
        assert records.load(job)
        records.remove(job)
    assert records.waiting(TENANT)[0] == (0, 0, 0)


def test_counters_and_living_workers_are_known(redis_client: RedisClient, version: str) -> None:
    for kind, key in (("album", WORKERS_KEY), ("training", TRAINERS_KEY)):
        stored = Stored(version, kind)
        stored.fill(cast("Redis", redis_client))
        clock = Clock(stored.now)
        assert len(WorkerRegistry(client=redis_client, clock=clock, key=key).alive()) <= 1
        clock.now = 0.0
        assert len(WorkerRegistry(client=redis_client, clock=clock, key=key).alive()) == 1
        counts = Counters(client=redis_client).read()
        assert sum(count.value for count in counts) == (12 if kind == "album" else 0)


def manifests(stored: Stored, store: MemoryStore) -> Iterator[tuple[Manifest, str]]:
    """Yield each job of the bucket: its manifest in a store, and its id."""
    for key in stored.objects:
        match key.split("/"):
            case ["tenants", tenant, "jobs", job, "job.json"]:
                yield Manifest(store=store, tenant=tenant, job=job), job


def test_a_manifest_is_read_and_written_back(stored: Stored) -> None:
    """Everything that a rebuild reads, in a bucket that holds nothing else."""
    old, new = bucket(stored), MemoryStore()
    written_by = dict(manifests(stored, new))
    for (read, job), write in zip(manifests(stored, old), written_by, strict=True):
        copy(read, write)
        copied = {key for key in new.objects if f"/jobs/{job}/" in key}
        assert copied >= {key for key in stored.objects if _is_manifest(key, job)}
    for key, body in new.objects.items():
        assert keeps(lines(stored.objects[key]), lines(body)), key


def copy(read: Manifest, write: Manifest) -> None:
    """Write all that a manifest tells into another one."""
    spec = read.spec()
    assert spec is not None
    write.write_spec(spec)
    if spec.training is None:
        write.write_photos(read.photos(0, spec.total))
        for attempt in read.attempts():
            write.write_outcomes(attempt.chunk, attempt.tokens[-1], attempt.outcomes)
    for token in read.slices():
        write.write_progress(token, read.progress(token))
    if end := read.end():
        write.write_end(end)


def _is_manifest(key: str, job: str) -> bool:
    parts = ("photos/", "outcomes/", "progress/", "outcome.json", "job.json")
    return any(f"/jobs/{job}/{part}" in key for part in parts)


def test_a_style_and_its_card_are_read(training: Stored) -> None:
    catalogue = StyleCatalogue(bucket(training))
    job = training.job("half_trained")
    style = catalogue.get("stripes")
    assert (style.job, [stage.stage for stage in style.stages]) == (job, [0])
    assert catalogue.made_by("stripes", job) == (0,)
    body = training.objects["styles/stripes/card.json"]
    card = StyleCard.model_validate_json(body)
    assert keeps(json.loads(body), json.loads(card.model_dump_json()))
    index = training.objects["styles/stripes/style.json"]
    assert keeps(json.loads(index), json.loads(style.model_dump_json()))


def test_a_name_that_was_reserved_is_still_taken(training: Stored) -> None:
    objects = bucket(training)
    with pytest.raises(StyleTaken):
        StyleCatalogue(objects).reserve("quickly", "01mcc5rn000000000000000000", TENANT)
    job = training.job("queued")
    StyleCatalogue(objects).reserve("quickly", job, TENANT)
    key = f"styles/quickly/owners/{job}.json"
    assert keeps(lines(training.objects[key]), lines(objects.objects[key]))


def test_checkpoints_are_read_and_written_back_bit_for_bit(training: Stored) -> None:
    found = {key: body for key, body in training.objects.items() if "/checkpoints/" in key}
    assert len(found) == 2
    for body in found.values():
        described = read_described(body, FORMAT, FORMAT_VERSION)
        checkpoint = unpack_checkpoint(body, described["order"])
        assert pack_checkpoint(checkpoint) == body


@pytest.mark.parametrize("kind", KINDS)
def test_messages_are_heard_and_sent_as_they_were(
    redis_client: RedisClient, settings: Settings, version: str, kind: str
) -> None:
    """Those of the version before wait in its queues, and its workers hear ours."""
    stored = Stored(version, kind)
    stored.fill(cast("Redis", redis_client))
    app = celery_app(settings)
    notifier = CeleryNotifier(app=app, client=redis_client)
    for queue, before in stored.messages.items():
        task = "train" if queue == "train" else "stylize"
        lane = int(queue.partition(".")[2] or 0)
        *_, (job, chunk) = [heard(app, queue, message) for message in reversed(before)]
        notifier.notify(job, chunk, task, lane)
        [text] = cast("list[str]", cast("Redis", redis_client).lrange(queue, 0, -1))
        after = json.loads(text)
        assert after.keys() == before[0].keys()
        assert after["headers"].keys() == before[0]["headers"].keys()
        assert after["body"] == before[0]["body"]
        for same in ("task", "argsrepr", "kwargsrepr", "lang"):
            assert after["headers"][same] == before[0]["headers"][same]
        assert after["headers"]["task"] == f"impasto.{task}"


def heard(app: object, queue: str, stored: dict[str, Any]) -> tuple[str, int]:
    """Take the oldest message of a queue, and return the job and the chunk that it tells."""
    with cast("Any", app).connection_for_read() as connection:
        message = connection.SimpleQueue(queue).get(timeout=10)
        message.ack()
    assert message.headers["id"] == stored["headers"]["id"]
    job, chunk = message.decode()[0]
    return job, chunk


def test_a_new_release_chooses_its_backbone_and_older_styles_keep_theirs(
    deployment: Deployment, tmp_path: Path
) -> None:
    """An affine paints the same bytes before and after, over the backbone that it names."""
    older = tmp_path / "backbone.safetensors"
    torch.manual_seed(5)
    net = TransformNet(NetConfig(4))
    older.write_bytes(pack(net, NetCard(net.config, "backbone", 0, 0.02)))
    prepare(deployment.settings, tmp_path, older)
    sha256 = hashlib.sha256(older.read_bytes()).hexdigest()
    style = pack_affine(take_affine(net, sha256), AffineCard("waves", 0, 1.0))
    deployment.objects.put("waves", style)
    before = paint(deployment)
    prepare(deployment.settings, tmp_path)
    bundled = hashlib.sha256(BUNDLED_BACKBONE.read_bytes()).hexdigest()
    assert deployment.styles.chosen_backbone() == bundled
    assert deployment.styles.get_backbone(sha256) == older.read_bytes()
    assert paint(deployment) == before


def paint(deployment: Deployment) -> bytes:
    """Paint a photo in the style of the key `waves`, as a worker that has just begun does."""
    cache = NetCache(
        objects=deployment.objects,
        make_engine=lambda net: TorchEngine(net, device=torch.device("cpu")),
        limit_bytes=1 << 20,
    )
    sha256 = hashlib.sha256(deployment.objects.get("waves")).hexdigest()
    photo = np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    engine = cache.engine([WeightedNet(key="waves", sha256=sha256, weight=1.0)])
    return engine.stylize(photo).tobytes()
