"""Checks of Redis: reachable, new enough, durable, with free memory?"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from infra.doctor.finding import Finding
from infra.errors import ServiceUnavailable
from infra.redis.client import RedisClient, redis_errors
from infra.redis.faults import wrong_kind

#: The oldest version that is tested.
OLDEST: Final = (6, 2)
#: Part of `maxmemory` above which there is little room left.
TIGHT: Final = 0.9
#: Findings with which nothing that Redis keeps can be looked at.
UNUSABLE: Final = ("redis-unreachable", "redis-kind")

Info = Mapping[str, Any]


def check_redis(client: RedisClient) -> Iterator[Finding]:
    """Yield the problems of Redis; one alone where it does not answer, or is of no use."""
    try:
        with redis_errors():
            info = client.info()
    except ServiceUnavailable as error:
        yield Finding(
            check="redis-unreachable",
            part="redis",
            detail=error.detail,
            advice="Start Redis, or name it with its user and password in IMPASTO_REDIS_URL.",
        )
        return
    if kind := wrong_kind(info):
        yield Finding(
            check="redis-kind",
            part="redis",
            detail=kind,
            advice="Name a Redis or Valkey that stands alone, or the primary of replicas, in "
            "IMPASTO_REDIS_URL.",
        )
        return
    if finding := _scripting(client):
        yield finding
    checks: tuple[Callable[[RedisClient, Info], Finding | None], ...] = (
        _version,
        _eviction,
        _persistence,
        _last_write,
        _memory,
    )
    yield from (finding for check in checks if (finding := check(client, info)))


def _scripting(client: RedisClient) -> Finding | None:
    """Records are changed by scripts: without them there is no job."""
    try:
        with redis_errors():
            client.register_script("return 1")()
    except ServiceUnavailable as error:
        return Finding(
            check="scripting-off",
            part="redis",
            detail=f"Redis runs no script ({error.__cause__}): no job can be taken or worked.",
            advice="Let our user run EVALSHA and SCRIPT LOAD, also in rename-command. In Valkey 9 "
            "scripting is the module `lua`: load it.",
        )
    return None


def _version(_: RedisClient, info: Info) -> Finding | None:
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST:
        return None
    return Finding(
        check="redis-version",
        part="redis",
        detail=f"Redis is {version}; {OLDEST[0]}.{OLDEST[1]} is the oldest that is tested.",
        advice="Upgrade Redis; its data stays.",
    )


def _eviction(client: RedisClient, info: Info) -> Finding | None:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return None

    def repair() -> None:
        with redis_errors():
            client.config_set("maxmemory-policy", "noeviction")

    return Finding(
        check="eviction-policy",
        part="redis",
        detail=f"maxmemory-policy is {policy}: a full Redis forgets jobs and messages at will.",
        advice="Set `maxmemory-policy noeviction` in redis.conf, else it is back after a restart.",
        repair=repair,
    )


def _persistence(client: RedisClient, info: Info) -> Finding | None:
    if int(info.get("aof_enabled", 0)) or _saves(client):
        return None
    return Finding(
        check="persistence-off",
        part="redis",
        detail="Redis keeps nothing on disk: after a restart every open job is rebuilt from S3.",
        advice="Set `appendonly yes` in redis.conf, and `redis-cli config set appendonly yes` now.",
    )


def _saves(client: RedisClient) -> bool:
    """Whether Redis takes snapshots; False for a managed one that hides its configuration."""
    try:
        with redis_errors():
            return bool(client.config_get("save").get("save"))
    except ServiceUnavailable:
        return False


def _last_write(_: RedisClient, info: Info) -> Finding | None:
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if not failed:
        return None
    return Finding(
        check="persistence-failing",
        part="redis",
        detail=f"Redis could not write to its disk ({', '.join(failed)}).",
        advice="Look at the log of Redis and at the space on its disk.",
    )


def _memory(_: RedisClient, info: Info) -> Finding | None:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most or used < TIGHT * most:
        return None
    return Finding(
        check="memory-short",
        part="redis",
        detail=f"Redis uses {used:,} of {most:,} bytes; when it is full, jobs are refused (503).",
        advice="Raise maxmemory, or lower IMPASTO_MAX_OPEN_JOBS.",
    )
