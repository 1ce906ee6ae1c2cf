"""Open previews in Redis: when each is looked at, who has it, and how often it was taken."""

from typing import Final, cast

from infra.layout.parts import part
from infra.previews.ports import PreviewKey
from infra.redis.client import PREFIX, RedisClient, redis_errors

#: A sorted set of `tenant/preview` by the moment of the next look, seconds since the epoch.
PREVIEWS_KEY: Final = f"{PREFIX}previews"
#: A hash: `tenant/preview` to `attempts until`; 0 is until nobody has it.
CLAIMS_KEY: Final = f"{PREFIX}previews:claims"

#: Shared by the scripts: KEYS previews, claims; ARGV[1] the preview.
_HELD: Final = """
local held = redis.call('HGET', KEYS[2], ARGV[1]) or '0 0'
local attempts, till = string.match(held, '(%S+) (%S+)')
"""

#: ARGV preview, now, until.
_CLAIM: Final = f"""{_HELD}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) or tonumber(till) > tonumber(ARGV[2]) then
    return 0
end
redis.call('HSET', KEYS[2], ARGV[1], (attempts + 1) .. ' ' .. ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return attempts + 1
"""

#: ARGV preview, attempt, until, attempts to note, the next look.
_HOLD: Final = f"""{_HELD}
if attempts ~= ARGV[2] or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4] .. ' ' .. ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[1])
return 1
"""


class RedisPreviewQueue:
    """The PreviewQueue of every deployment. Threads may share it."""

    def __init__(self, *, client: RedisClient) -> None:
        self._client = client
        self._claim = client.register_script(_CLAIM)
        self._hold = client.register_script(_HOLD)

    def add(self, key: PreviewKey, due: float) -> None:
        """Keep a preview; one that is there stays as it is."""
        with redis_errors():
            self._client.zadd(PREVIEWS_KEY, {_member(key): due}, nx=True)

    def postpone(self, key: PreviewKey, due: float) -> None:
        """Let a sweep look at a preview that is there later."""
        with redis_errors():
            self._client.zadd(PREVIEWS_KEY, {_member(key): due}, xx=True)

    def remove(self, key: PreviewKey) -> None:
        """Forget a preview."""
        with redis_errors():
            self._client.zrem(PREVIEWS_KEY, _member(key))
            self._client.hdel(CLAIMS_KEY, _member(key))

    def open(self) -> list[PreviewKey]:
        """Return all."""
        with redis_errors():
            return _keys(self._client.zrange(PREVIEWS_KEY, 0, -1))

    def due(self, now: float) -> list[PreviewKey]:
        """Return those whose moment has come."""
        with redis_errors():
            return _keys(self._client.zrangebyscore(PREVIEWS_KEY, "-inf", now))

    def claim(self, key: PreviewKey, now: float, until: float) -> int | None:
        """Take a preview; return the number of the attempt, None where it is not to be had."""
        with redis_errors():
            taken = self._claim(keys=_places(), args=[_member(key), now, until])
        return cast("int", taken) or None

    def extend(self, key: PreviewKey, attempt: int, until: float) -> bool:
        """Keep a preview for longer; return whether it was still ours."""
        args = [_member(key), attempt, until, attempt, until]
        with redis_errors():
            return bool(self._hold(keys=_places(), args=args))

    def release(self, key: PreviewKey, attempt: int, now: float) -> None:
        """Give a preview back, as if the attempt had not been; nothing where it is not ours."""
        with redis_errors():
            self._hold(keys=_places(), args=[_member(key), attempt, 0, attempt - 1, now])

    def attempts(self, key: PreviewKey, now: float) -> tuple[int, bool]:
        """Return how often a preview was taken, and whether somebody has it."""
        with redis_errors():
            held = self._client.hmget(CLAIMS_KEY, [_member(key)])[0]
        attempts, until = (held or "0 0").split()
        return int(attempts), float(until) > now


def _member(key: PreviewKey) -> str:
    return f"{part(key.tenant)}/{part(key.preview)}"


def _keys(members: list[str]) -> list[PreviewKey]:
    return [PreviewKey(*member.rsplit("/", 1)) for member in members]


def _places() -> list[str]:
    return [PREVIEWS_KEY, CLAIMS_KEY]
