"""The doctor names each thing that is wrong with real servers, and repairs what it may."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr
from redis import Redis
from typer.testing import CliRunner

from api.cli.main import app
from infra import layout
from infra.broker.notifier import STYLIZE_QUEUES
from infra.deployment import Deployment, connect
from infra.doctor import Examined, examine
from infra.errors import JobUnreadable
from infra.jobs.domain.model import JobDraft
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.maintenance.sweep import SURVEY_SECONDS
from infra.redis.client import RedisClient, connect_redis
from infra.redis.job_store import OPEN_KEY, record_key
from infra.settings import Settings
from infra.stack.environment import settings_environment
from tests.contract.servers import fresh_settings, redis_command, running
from tests.fakes.jobs import Clock
from tests.fakes.service import BLEND, TENANT, done, entries
from tests.fakes.trainings import draft as training_draft


@pytest.fixture
def deployment(deployment: Deployment) -> Deployment:
    """A deployment in which all is well."""
    deployment.workers.announce("worker@here/1", 2 * DAY_SECONDS)
    return deployment


@pytest.fixture
def redis(redis_client: RedisClient) -> Iterator[Redis]:
    """Redis, whose configuration is put back."""
    client = cast("Redis", redis_client)
    names = ("maxmemory-policy", "maxmemory", "save", "appendonly")
    before = {name: cast("dict[str, str]", client.config_get(name))[name] for name in names}
    yield client
    for name, value in before.items():
        client.config_set(name, value)


def checks(found: list[Examined]) -> list[str]:
    return [item.finding.check for item in found]


def submit(deployment: Deployment, photos: int = 3) -> str:
    job = deployment.jobs.submission.new_job_id()
    draft = JobDraft(id=job, tenant=TENANT, style="s", blend=BLEND)
    return deployment.jobs.submission.submit(draft, entries(photos)).id


def hasty(deployment: Deployment) -> Deployment:
    """The same deployment, in which whatever lies still soon does so for too long.

    Where messages wait, that is `BUSY_PATIENCE` times later: time for a second look.
    """
    seconds = {"lease_seconds": 0.01, "sweep_seconds": 0.01, "ring_patience_seconds": 1.0}
    return connect(deployment.settings.model_copy(update=seconds))


def test_nothing_is_found_where_all_is_well(deployment: Deployment) -> None:
    submit(deployment)
    assert examine(deployment.settings) == []
    assert list(deployment.objects.list("doctor/")) == [], "it clears away what it tried"


def test_eviction_policy_is_named_and_repaired(deployment: Deployment, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    assert checks(examine(deployment.settings)) == ["eviction-policy"]
    [item] = examine(deployment.settings, repair=True)
    assert item.repaired
    assert examine(deployment.settings) == []


def test_persistence_that_is_off_is_named(deployment: Deployment, redis: Redis) -> None:
    redis.config_set("appendonly", "no")
    [item] = examine(deployment.settings, repair=True)
    assert (item.finding.check, item.repaired) == ("persistence-off", False)
    assert "appendonly yes" in item.finding.advice
    redis.config_set("save", "3600 1")
    assert examine(deployment.settings) == []


def test_memory_that_runs_short_is_named(deployment: Deployment, redis: Redis) -> None:
    # Held against the ballast, and not against all that Redis uses now: buffers, of clients and of
    # a file that is being rewritten, come and go.
    ballast = 16 << 20
    redis.setrange("ballast", ballast - 1, "x")
    redis.config_set("maxmemory", str(int(ballast * 1.1)))
    assert "memory-short" in checks(examine(deployment.settings))
    redis.delete("ballast")


def test_wrong_key_is_named(deployment: Deployment) -> None:
    for name in ("s3_access_key", "s3_secret_key"):
        wrong = deployment.settings.model_copy(update={name: SecretStr("wrong")})
        [item] = examine(wrong)
        assert (item.finding.check, item.finding.part) == ("s3-key-wrong", "s3")
        assert "IMPASTO_S3_ACCESS_KEY" in item.finding.advice


def test_missing_bucket_is_named_and_made(deployment: Deployment) -> None:
    other = deployment.settings.model_copy(update={"s3_bucket": "another"})
    deployment.workers.leave("worker@here/1")
    found = examine(other, repair=True)
    told = [(item.finding.check, item.repaired) for item in found]
    assert told == [("s3-bucket-missing", True), ("no-worker", False)], "seen only behind it"
    assert checks(examine(other)) == ["no-worker"]


def test_clocks_that_differ_are_named(deployment: Deployment) -> None:
    ahead = Clock(time.time() + 120)
    assert checks(examine(deployment.settings, clock=ahead)) == ["clock-skew"]


def test_clock_that_makes_s3_refuse_us_is_named_before_the_key(deployment: Deployment) -> None:
    """Servers refuse a signature of another time in words of their own."""
    wrong = deployment.settings.model_copy(update={"s3_secret_key": SecretStr("wrong")})
    behind = Clock(time.time() - 1200)
    [item] = examine(wrong, clock=behind)
    assert item.finding.check == "clock-skew"
    assert ": -12" in item.finding.detail


def test_redis_that_runs_no_scripts_is_named(deployment: Deployment, tmp_path: Path) -> None:
    """As where Valkey's module is not loaded, or an operator has turned scripts off."""
    settings = fresh_settings()
    changed = deployment.settings.model_copy(update={"redis_url": settings.redis_url})
    off = ["--rename-command", "EVALSHA", "", "--rename-command", "SCRIPT", ""]
    command = [*redis_command(settings, tmp_path), *off]
    with running(command, connect_redis(settings).ping, tmp_path):
        connect(changed).workers.announce("worker@here/1", 60)
        [item] = examine(changed)
    assert item.finding.check == "scripting-off"
    assert "unknown command" in item.finding.detail
    assert "lua" in item.finding.advice


def test_server_that_is_away_is_named(deployment: Deployment) -> None:
    nowhere = fresh_settings()
    away = deployment.settings.model_copy(update={"redis_url": nowhere.redis_url})
    assert checks(examine(away)) == ["redis-unreachable"]


def test_missing_worker_and_trainer_are_named(deployment: Deployment) -> None:
    deployment.workers.leave("worker@here/1")
    assert checks(examine(deployment.settings)) == ["no-worker"]
    deployment.jobs.submission.submit_training(
        training_draft(deployment.jobs.submission.new_job_id())
    )
    assert checks(examine(deployment.settings)) == ["no-worker", "no-trainer"]
    deployment.trainers.announce("trainer@here/1", 60)
    assert checks(examine(deployment.settings)) == ["no-worker"]


def test_stuck_chunks_are_named_and_rung_for_again(deployment: Deployment) -> None:
    """One whose lease ran out, and one whose message is lost."""
    world = hasty(deployment)
    jobs = world.jobs
    job = submit(world, 16)
    claim = jobs.chunks.claim(job, 0, "a worker that is killed now")
    assert claim
    cast("Redis", world.redis).delete(*STYLIZE_QUEUES)
    time.sleep(1.1)
    found = examine(world.settings)
    assert checks(found) == ["chunk-stuck"] * 2
    assert f"{job}, chunk 0," in found[0].finding.detail
    assert all(item.repaired for item in examine(world.settings, repair=True))
    assert jobs.notifier.backlog() == 2
    again = jobs.chunks.claim(job, 0, "another")
    assert again
    jobs.chunks.report(again, [done(photo.index, again) for photo in again.photos])


def test_job_that_only_s3_knows_and_record_that_is_lost_are_named_and_rebuilt(
    deployment: Deployment,
) -> None:
    world = hasty(deployment)
    lost, forgotten = submit(world), submit(world)
    cast("Redis", world.redis).delete(record_key(lost), record_key(forgotten))
    cast("Redis", world.redis).zrem(OPEN_KEY, forgotten)
    later = Clock(time.time() + 2 * SURVEY_SECONDS)
    found = examine(world.settings, clock=later)
    assert {"record-lost", "job-forgotten"} <= set(checks(found))
    world.jobs.sweep.run()
    assert set(world.records.open_jobs()) == {lost, forgotten}
    assert all(world.records.load(job) for job in (lost, forgotten))


def test_what_a_repair_leaves_as_it_was_is_not_repaired(deployment: Deployment) -> None:
    """A sweep goes on past a job that cannot be finalized, and says nothing."""
    world = hasty(deployment)
    stuck, orphan = submit(world), layout.newest_entry(TENANT, world.jobs.submission.new_job_id())
    world.objects.put(layout.job_outcome(TENANT, stuck), b"{")
    with pytest.raises(JobUnreadable):
        world.jobs.cancellation.cancel(stuck, TENANT)
    world.objects.put(orphan, b"")
    time.sleep(0.1)
    told = [(i.finding.check, i.repaired) for i in examine(world.settings, repair=True)]
    assert told == [("orphan", True), ("job-unsealed", False)]
    code, document = run(world.settings, "--json", "--repair")
    assert (code, json.loads(document)["healthy"]) == (1, False)


def test_files_of_the_users_own_beside_markers_are_no_jobs(deployment: Deployment) -> None:
    for key in ("open/holiday.jpg", "open/house/1.jpg", "ended/x.jpg"):
        deployment.objects.put(key, b"the user's own")
    assert examine(deployment.settings, repair=True) == []
    assert len(list(deployment.objects.list(""))) == 3


def test_orphans_are_named_and_removed_and_nothing_else_is(deployment: Deployment) -> None:
    objects = deployment.objects
    objects.put("inbox/2026/mine.jpg", b"the user's own")
    for name in ("mine/too.jpg", "newest/beach.jpg", "receipts/scan-2026.jpg"):
        objects.put(f"tenants/default/{name}", b"the user's own")
    job, on_its_way = submit(deployment), deployment.jobs.submission.new_job_id()
    deployment.jobs.submission.announce(on_its_way, TENANT)
    objects.put(layout.upload(TENANT, on_its_way, 0, "0.jpg"), b"x")
    kept = {info.key for info in objects.list("")}
    gone = deployment.jobs.submission.new_job_id()
    orphans = (
        layout.upload(TENANT, gone, 0, "0.jpg"),
        layout.newest_entry(TENANT, gone),
        layout.result_index_entry(TENANT, "ab" * 32),
    )
    objects.put(orphans[0], b"a photo")
    objects.put(orphans[1], b"")
    objects.put(orphans[2], b'{"key": "tenants/default/jobs/gone/results/ab/x.jpg"}')
    found = examine(deployment.settings)
    assert checks(found) == ["orphan"] * 3
    assert all(
        any(part in item.finding.detail for item in found)
        for part in (gone, orphans[1], orphans[2])
    )
    assert all(item.repaired for item in examine(deployment.settings, repair=True))
    assert {info.key for info in objects.list("")} == kept
    assert deployment.jobs.queries.get(job, TENANT).total == 3


def run(settings: Settings, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *arguments], env=settings_environment(settings))
    return result.exit_code, result.stdout


def test_command_tells_people_and_scripts_by_words_and_exit_codes(
    deployment: Deployment, redis: Redis
) -> None:
    assert run(deployment.settings) == (0, "Redis, S3, workers and jobs are well.\n")
    redis.config_set("maxmemory-policy", "volatile-lru")
    code, table = run(deployment.settings)
    assert code == 1
    assert "eviction-policy" in table
    assert "noeviction" in table
    code, document = run(deployment.settings, "--json", "--repair")
    assert code == 0
    told = json.loads(document)
    assert told["healthy"]
    [finding] = told["findings"]
    assert (finding["check"], finding["repaired"]) == ("eviction-policy", True)
    assert run(deployment.settings, "--rapair")[0] == 2


def test_without_a_service_the_command_says_what_to_name(tmp_path: Path) -> None:
    nowhere: dict[str, str | None] = {"IMPASTO_DATA": str(tmp_path)}
    nowhere |= dict.fromkeys(("IMPASTO_REDIS_URL", "IMPASTO_S3_ENDPOINT"))
    result = CliRunner().invoke(app, ["doctor"], env=nowhere)
    assert result.exit_code == 2
    assert "IMPASTO_S3_ENDPOINT" in result.stderr
