"""The whole of infra over real servers: a first start, and many workers at once."""

import hashlib
import io
import threading
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from api.app import create_app
from api.wsgi import Preparation, make_services
from infra import layout
from infra.bundled import BUNDLED_BACKBONE, BUNDLED_BASE
from infra.catalogue import StyleCatalogue
from infra.deployment import Deployment, connect, prepare
from infra.doctor import examine
from infra.errors import ServiceUnavailable, StyleTaken
from infra.jobs.domain.model import JobDraft, JobState
from infra.jobs.domain.rules import StaleLease
from infra.redis.client import RedisClient
from tests.fakes.service import BLEND, TENANT, done, entries
from tests.fakes.services import STYLE, publish
from tests.fakes.storage import MemoryStore
from tests.fakes.trainings import at
from tests.fakes.trainings import draft as training_draft
from tests.unit.infra.catalogue.folders import style_folder
from worker.net.netfile import read_card


def draft(deployment: Deployment) -> JobDraft:
    job = deployment.jobs.submission.new_job_id()
    return JobDraft(id=job, tenant=TENANT, style="s", blend=BLEND)


def test_first_start_publishes_the_styles_and_the_next_changes_nothing(
    deployment: Deployment, tmp_path: Path
) -> None:
    style_folder(tmp_path, "waves")
    style_folder(tmp_path, "lilies")
    prepare(deployment.settings, tmp_path)
    before = deployment.styles.list()
    prepare(deployment.settings, tmp_path)
    assert deployment.styles.list() == before
    assert deployment.styles.names() == ["lilies", "waves"]


def test_first_start_keeps_the_nets_that_new_styles_start_from(
    deployment: Deployment, tmp_path: Path
) -> None:
    prepare(deployment.settings, tmp_path)
    bundled = BUNDLED_BACKBONE.read_bytes()
    assert deployment.styles.get_backbone(hashlib.sha256(bundled).hexdigest()) == bundled


def test_full_redis_refuses_an_album_and_keeps_nothing_of_it(
    deployment: Deployment, redis_client: RedisClient
) -> None:
    redis = cast("Redis", redis_client)
    redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(ServiceUnavailable):
            deployment.jobs.submission.submit(draft(deployment), entries(3))
    finally:
        redis.config_set("maxmemory", "0")
    assert list(deployment.objects.list("")) == []
    assert redis.keys("impasto:job*") == []


def test_full_redis_is_503_with_retry_after_and_nothing_of_the_upload_stays(
    deployment: Deployment, redis_client: RedisClient
) -> None:
    publish(cast("MemoryStore", deployment.objects))
    client = create_app(make_services(deployment, Preparation(lambda: None))).test_client()
    before = {info.key for info in deployment.objects.list("")}
    redis = cast("Redis", redis_client)
    redis.config_set("maxmemory", "1")
    try:
        photos = [(io.BytesIO(b"a photo"), "a.jpg")]
        answer = client.post("/v1/jobs", data={"style": STYLE, "photos": photos})
    finally:
        redis.config_set("maxmemory", "0")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert {info.key for info in deployment.objects.list("")} == before
    assert redis.keys("impasto:job*") == []


def test_worker_that_only_breathes_differs_from_one_that_consumes(deployment: Deployment) -> None:
    """By readyz, by metrics and by the doctor."""
    preparation = Preparation(lambda: None)
    preparation.run()
    client = create_app(make_services(deployment, preparation)).test_client()

    def told() -> tuple[str, list[str], list[str]]:
        readiness = client.get("/readyz").get_json()["parts"]["workers"]
        numbers = [
            line
            for line in client.get("/metrics").get_data(as_text=True).splitlines()
            if line.startswith(("impasto_workers", "impasto_trainers"))
        ]
        examined = examine(deployment.settings)
        found = [item.finding.about for item in examined if item.finding.check == "worker-deaf"]
        return readiness, sorted(numbers), found

    deployment.workers.announce("hears@here/1", 60)
    deployment.workers.announce("deaf@here/2", 60, deaf=True)
    deployment.trainers.announce("trainer@here/3", 60, deaf=True)
    readiness, numbers, found = told()
    assert readiness == "ok"
    assert numbers == [
        "impasto_trainers 1.0",
        "impasto_trainers_consuming 0.0",
        "impasto_workers 2.0",
        "impasto_workers_consuming 1.0",
    ]
    assert found == ["deaf@here/2", "trainer@here/3"]
    deployment.workers.leave("hears@here/1")
    assert told()[0] == "no worker listens for work: each connects to Redis anew, or ends"
    deployment.workers.announce("deaf@here/2", 60)
    assert told()[::2] == ("ok", ["trainer@here/3"])


def test_redis_is_as_it_was_when_jobs_have_expired(
    deployment: Deployment, redis_client: RedisClient
) -> None:
    redis = cast("Redis", redis_client)
    started = connect(deployment.settings.model_copy(update={"retention_days": 1e-9}))
    jobs_come_and_go(started, redis)  # scripts, connections and tables have then their lasting size
    before, memory = redis_keys(redis), used_memory(redis)
    jobs_come_and_go(started, redis)
    assert redis_keys(redis) == before
    assert used_memory(redis) < 1.05 * memory


def jobs_come_and_go(started: Deployment, redis: Redis) -> None:
    """Eight jobs that end, and sweeps until nothing of them is left in the bucket."""
    started.jobs.sweep.run()
    redis.delete("stylize", *redis.scan_iter("stylize.*"))
    before = redis_keys(redis)
    jobs = [started.jobs.submission.submit(draft(started), entries(6)).id for _ in range(8)]
    assert len(redis_keys(redis)) > len(before) + len(jobs)
    for job in jobs:
        work_off(started, [(job, 0)], "w")
    redis.delete("stylize", *redis.scan_iter("stylize.*"))
    expiring = connect(started.settings)  # a process that has not looked for them yet
    while any(key.startswith("tenants/") for key in keys(started)):
        expiring.jobs.sweep.run()  # on a slow machine a sweep leaves some to the next one


def redis_keys(redis: Redis) -> set[str]:
    """Every key of ours; what the broker keeps of its queues is its own."""
    return set(cast("list[str]", redis.keys("impasto:*")))


def used_memory(redis: Redis) -> int:
    """Bytes that Redis holds, but for the buffers of whoever is connected just now."""
    memory = cast("dict[str, int]", redis.info("memory"))
    return memory["used_memory"] - memory["mem_clients_normal"]


def keys(deployment: Deployment) -> list[str]:
    return [info.key for info in deployment.objects.list("")]


def work_off(deployment: Deployment, messages: list[tuple[str, int]], worker: str) -> None:
    """Work as one of several workers, until the job has ended."""
    job, _ = messages[0]
    while not deployment.jobs.queries.get(job, TENANT).state.terminal:
        for _, chunk in list(messages):
            if claim := deployment.jobs.chunks.claim(job, chunk, worker):
                for photo in claim.photos:
                    deployment.jobs.chunks.report(claim, [done(photo.index, claim)], [])
                deployment.jobs.chunks.finish(claim)


def test_many_workers_that_hear_every_message_do_each_photo_once(deployment: Deployment) -> None:
    """Every worker tries every chunk, again and again, while a sweeper is at work too."""
    job = deployment.jobs.submission.submit(draft(deployment), entries(100)).id
    messages = [(job, chunk) for chunk in range(13)]
    workers = [
        threading.Thread(target=work_off, args=(deployment, messages, f"w{n}")) for n in range(4)
    ]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        deployment.jobs.sweep.run()
    view = deployment.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 100, 0)
    outcomes = [item.outcome for item in deployment.jobs.queries.items(job, TENANT, 0, 100)]
    assert all(outcome and outcome.result for outcome in outcomes)
    assert deployment.records.open_jobs() == []


def test_flush_in_the_middle_of_an_album_repeats_nothing_that_was_done(
    deployment: Deployment, redis_client: RedisClient
) -> None:
    jobs = deployment.jobs
    job = jobs.submission.submit(draft(deployment), entries(40)).id
    claim = jobs.chunks.claim(job, 0, "w")
    assert claim
    jobs.chunks.report(claim, [done(n, claim) for n in range(5)])
    cast("Redis", redis_client).flushall()
    with pytest.raises(StaleLease):
        jobs.chunks.report(claim, [done(5, claim)])
    assert jobs.sweep.run().rebuilt == 1
    assert jobs.queries.get(job, TENANT).done == 5
    again = jobs.chunks.claim(job, 0, "w")
    assert again
    assert [photo.index for photo in again.photos] == [5, 6, 7]


def test_one_message_is_sent_for_each_chunk_of_the_window(deployment: Deployment) -> None:
    jobs = deployment.jobs
    job = jobs.submission.submit(draft(deployment), entries(400)).id
    window = deployment.settings.job_window
    assert jobs.notifier.backlog() == window
    claim = jobs.chunks.claim(job, 0, "w")
    assert claim
    jobs.chunks.report(claim, [done(photo.index, claim) for photo in claim.photos])
    jobs.chunks.finish(claim)
    assert jobs.notifier.backlog() == window + 1


@pytest.mark.parametrize("file", [BUNDLED_BACKBONE, BUNDLED_BASE])
def test_first_start_publishes_the_bases_of_new_styles(
    deployment: Deployment, tmp_path: Path, file: Path
) -> None:
    """What starts from the backbone can be blended with the quick styles over it."""
    base = file.read_bytes()
    described = read_card(base)
    key = layout.base(asdict(described.config), described.provenance["loss_network"])
    for _ in range(2):
        prepare(deployment.settings, tmp_path)
        assert deployment.styles.get_base(key) == base


def test_training_over_real_servers_survives_the_loss_of_redis(
    deployment: Deployment, redis_client: RedisClient
) -> None:
    jobs = deployment.jobs
    job = jobs.submission.submit_training(training_draft(jobs.submission.new_job_id())).id
    with pytest.raises(StyleTaken):
        jobs.submission.submit_training(training_draft(jobs.submission.new_job_id()))
    assert jobs.notifier.backlog("train") == 1
    claim = jobs.trainings.claim(job, "t")
    assert claim
    jobs.trainings.report(claim, at(100))
    publish_stage(deployment, job)
    jobs.trainings.stage_published(claim, 0)
    cast("Redis", redis_client).flushall()
    with pytest.raises(StaleLease):
        jobs.trainings.report(claim, at(150))
    assert jobs.sweep.run().rebuilt == 1
    view = jobs.queries.get(job, TENANT)
    assert (view.published, view.training) == ((0,), at(100))
    again = jobs.trainings.claim(job, "t")
    assert again
    jobs.trainings.finish(again)
    assert jobs.queries.get(job, TENANT).state is JobState.SUCCEEDED
    assert list(deployment.objects.list("open/")) == []


def publish_stage(deployment: Deployment, job: str) -> None:
    StyleCatalogue(deployment.objects).publish_stage(
        "waves", title="", job=job, stage=0, ratio=0.1, net=b"net", files={}
    )
