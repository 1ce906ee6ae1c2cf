"""A soak of less than a minute; `infra/dev.py bench soak` does one of an hour."""

from pathlib import Path

import pytest

from infra.stack.programs import STORAGE
from tests.bench.service.soak import FLAT, growths, soak

pytestmark = pytest.mark.timeout(900)


def test_small_albums_leave_no_memory_behind(tmp_path: Path) -> None:
    """In no process of ours, nor in Redis once the jobs have expired.

    The S3 server keeps what it knew of removed folders for ten minutes, so it needs the hour.
    """
    soaked = soak(tmp_path, 40)
    assert soaked.photos > 0
    grown = {growth.name: growth.share for growth in growths(soaked.samples)}
    assert {"api, child 1", "worker, child 1", "worker, decoders", "second, child 1"} <= set(grown)
    assert {name: share for name, share in grown.items() if share > FLAT and name != STORAGE} == {}
    assert soaked.redis.share <= FLAT
