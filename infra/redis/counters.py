"""Counts of what happened in every process, kept in one Redis hash and shown in /metrics."""

import json
from dataclasses import dataclass
from typing import Final, cast

import structlog

from infra.errors import ServiceUnavailable
from infra.redis.client import PREFIX, RedisClient, redis_errors

COUNTERS_KEY: Final = f"{PREFIX}counters"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Count:
    """One counter: its name, its labels in order, and how far it has come."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: int


class Counters:
    """Counters by name and labels; they start at 0 again when Redis is flushed."""

    def __init__(self, *, client: RedisClient) -> None:
        self._client = client

    def increment(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter. When Redis is away the count is lost: no work stops for a metric."""
        field = json.dumps([name, sorted(labels.items())])
        try:
            with redis_errors():
                self._client.hincrby(COUNTERS_KEY, field, by)
        except ServiceUnavailable as error:
            log.warning("count lost", counter=name, reason=error.detail)

    def read(self) -> list[Count]:
        """Return every counter, ordered by name and labels; raises ServiceUnavailable."""
        with redis_errors():
            fields = self._client.hgetall(COUNTERS_KEY)
        return [_count(field, fields[field]) for field in sorted(fields)]


def _count(field: str, value: str) -> Count:
    name, labels = cast("tuple[str, list[tuple[str, str]]]", json.loads(field))
    return Count(name, tuple((label, text) for label, text in labels), int(value))
