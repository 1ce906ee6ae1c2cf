"""What earlier versions stored; see README.md."""

import json
from pathlib import Path
from typing import Any, Final

from redis import Redis

HERE: Final = Path(__file__).parent
VERSIONS: Final = sorted(path.name for path in HERE.iterdir() if (path / "album").is_dir())
#: What begins the key of a record in Redis, as every version has written it.
RECORD: Final = "impasto:job:"


class Stored:
    """What a version left in Redis and in the bucket. `what` is `album` or `training`."""

    def __init__(self, version: str, what: str) -> None:
        self._folder = HERE / version / what
        self._redis: dict[str, dict[str, Any]] = json.loads(self._read("redis.json"))
        self._facts: dict[str, Any] = json.loads(self._read("facts.json"))

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()

    @property
    def now(self) -> float:
        """When it was killed, in seconds since the epoch."""
        return self._facts["now"]

    def job(self, name: str) -> str:
        """Return the id of one of its jobs, such as `half_painted`."""
        return self._facts[name]

    @property
    def objects(self) -> dict[str, bytes]:
        """Every object by its key."""
        bucket = self._folder / "bucket"
        paths = sorted(path for path in bucket.rglob("*") if path.is_file())
        return {path.relative_to(bucket).as_posix(): path.read_bytes() for path in paths}

    @property
    def records(self) -> dict[str, str]:
        """The JSON of every live record by its job."""
        return {
            key.removeprefix(RECORD): entry["value"]["doc"]
            for key, entry in self._redis.items()
            if key.startswith(RECORD)
        }

    @property
    def messages(self) -> dict[str, list[dict[str, Any]]]:
        """Every message of Celery's by its queue, the newest first."""
        return {
            queue: [json.loads(text) for text in entry["value"]]
            for queue, entry in self._redis.items()
            if entry["type"] == "list"
        }

    def fill(self, client: Redis) -> None:
        """Let a Redis hold what it held, and nothing else."""
        client.flushall()
        for key, entry in self._redis.items():
            match entry["type"]:
                case "hash":
                    client.hset(key, mapping=entry["value"])
                case "zset":
                    client.zadd(key, entry["value"])
                case "list":
                    client.rpush(key, *entry["value"])
                case "set":
                    client.sadd(key, *entry["value"])
                case _:
                    client.set(key, entry["value"])


def keeps(stored: Any, written: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether JSON that was written anew tells all that was stored, under the same names.

    It may tell more: every version lets go what it does not know.
    """
    if isinstance(stored, dict):
        return isinstance(written, dict) and all(
            name in written and keeps(value, written[name]) for name, value in stored.items()
        )
    if isinstance(stored, list):
        return len(stored) == len(written) and all(map(keeps, stored, written))
    return stored == written
