"""A free name that several trainings want at the same moment is taken by exactly one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, RLock
from typing import BinaryIO

import pytest

from infra import layout
from infra.catalogue.names import Owner, StyleNames
from infra.errors import StyleTaken
from infra.jobs.manifest import Manifest
from infra.storage.port import ObjectInfo
from tests.fakes.storage import MemoryStore

OLD, YOUNG = "j1", "j2"


class Crossroads(MemoryStore):
    """Lets `parties` leave their claims together: all have looked before, none in between."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = Barrier(parties, timeout=20)
        self._lock = RLock()

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        if "/owners/" in key:
            self._barrier.wait()
        with self._lock:
            super().put(key, body, content_type=content_type)
        if "/owners/" in key:
            self._barrier.wait()

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        with self._lock:
            return iter([*super().list(prefix, start_after=start_after)])

    def delete(self, key: str) -> None:
        with self._lock:
            super().delete(key)


class Overtaken(MemoryStore):
    """Lets a rival leave its claim just before the first one that somebody leaves."""

    def __init__(self, rival: str) -> None:
        super().__init__()
        self._rival = rival

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        if "/owners/" in key and self._rival:
            rival, self._rival = self._rival, ""
            claim(self, rival)
        super().put(key, body, content_type=content_type)


def arrive(objects: MemoryStore, job: str) -> None:
    """Announce a training, as is done before its name is reserved."""
    Manifest(store=objects, tenant="t", job=job).open()


def claim(objects: MemoryStore, job: str) -> None:
    """Let a training leave its claim, and get no further."""
    arrive(objects, job)
    owner = Owner(job=job, tenant="t").model_dump_json().encode()
    objects.put(layout.style_owner("waves", job), owner)


def reserve(objects: MemoryStore, job: str, meanwhile: Callable[[], object]) -> int:
    """Reserve the name; returns how often it was waited for, with `meanwhile` at the third time."""
    arrive(objects, job)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            meanwhile()

    StyleNames(objects, sleep=sleep).reserve("waves", job, "t")
    return len(waits)


@pytest.mark.parametrize("trainings", [2, 5])
def test_exactly_one_of_those_who_want_a_name_at_once_gets_it(trainings: int) -> None:
    objects = Crossroads(trainings)
    jobs = [f"j{number}" for number in range(trainings)]

    def won(job: str) -> bool:
        arrive(objects, job)
        try:
            StyleNames(objects).reserve("waves", job, "t")
        except StyleTaken:
            return False
        return True

    with ThreadPoolExecutor(trainings) as pool:
        assert [*pool.map(won, jobs)] == [True, *[False] * (trainings - 1)]
    assert [info.key for info in objects.list(layout.style_owners("waves"))] == [
        layout.style_owner("waves", jobs[0])
    ]


def test_oldest_waits_until_the_others_have_stepped_back() -> None:
    objects = Overtaken(YOUNG)
    assert reserve(objects, OLD, lambda: StyleNames(objects).release("waves", YOUNG)) == 3
    assert StyleNames(objects).owned_by("waves", OLD)


def test_oldest_gives_way_to_one_that_is_through() -> None:
    """It had looked around before the claim of the oldest was there."""
    objects = Overtaken(YOUNG)
    with pytest.raises(StyleTaken):
        reserve(objects, OLD, lambda: objects.put(layout.job_spec("t", YOUNG), b"{}"))
    assert not StyleNames(objects).owned_by("waves", OLD)


def test_younger_one_waits_for_nobody() -> None:
    objects = Overtaken(OLD)
    with pytest.raises(StyleTaken):
        reserve(objects, YOUNG, lambda: pytest.fail("it waited"))
    assert not StyleNames(objects).owned_by("waves", YOUNG)


def test_oldest_waits_no_longer_than_a_second_for_one_that_was_cut_off() -> None:
    objects = Overtaken(YOUNG)
    waits: list[float] = []
    arrive(objects, OLD)
    with pytest.raises(StyleTaken):
        StyleNames(objects, sleep=waits.append).reserve("waves", OLD, "t")
    assert sum(waits) == pytest.approx(1.0)
    assert not StyleNames(objects).owned_by("waves", OLD)
