"""A trainer that dies at any boundary of a checkpoint: the net is the same, and little is repeated.

Each process writes one checkpoint in peace and dies at a boundary of its second one, so that one
training meets all of them in turn.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from infra.jobs.domain.model import JobState
from tests.fakes.jobs import Killed
from tests.fakes.storage import MemoryStore
from tests.fakes.trainer import MakeTrainer

#: One stage, long enough to die in five times.
STAGES = ((0.2, 30),)
#: Places in the writing of a checkpoint. `torn`: the server keeps half of what was sent.
BOUNDARIES: Final = ("before put", "torn put", "after put", "before delete", "after delete")


@contextmanager
def dying_at(boundary: str, store: MemoryStore) -> Iterator[None]:
    """Kill whoever comes to a boundary of the second checkpoint that is written from now on."""
    put, delete = store.put, store.delete
    written = 0

    def die_at(place: str) -> None:
        if written == 2 and place == boundary:
            raise Killed

    def mortal_put(key: str, body: Any, *, content_type: str | None = None) -> None:  # noqa: ANN401
        nonlocal written
        if "/checkpoints/" not in key:
            put(key, body, content_type=content_type)
            return
        written += 1
        die_at("before put")
        torn = written == 2 and boundary == "torn put"
        put(key, body[: len(body) // 2] if torn else body, content_type=content_type)
        die_at("torn put")
        die_at("after put")

    def mortal_delete(key: str) -> None:
        die_at("before delete")
        delete(key)
        die_at("after delete")

    store.put, store.delete = mortal_put, mortal_delete  # type: ignore[method-assign]
    try:
        yield
    finally:
        store.put, store.delete = put, delete  # type: ignore[method-assign]


def begins(logs: list[Any]) -> list[int]:
    """The iterations from which slices went on."""
    return [entry["iteration"] for entry in logs if entry["event"] == "slice begun"]


@pytest.mark.timeout(900)
def test_a_trainer_dies_at_every_boundary_of_a_checkpoint(make: MakeTrainer) -> None:
    """No slice goes on from before its predecessor's beginning, nor from a torn checkpoint."""
    whole, trainer = make(), make()
    whole.finish(whole.submit(stages=STAGES))
    job = trainer.submit(stages=STAGES)
    with capture_logs() as logs:
        for boundary in BOUNDARIES:
            with dying_at(boundary, trainer.at.objects), pytest.raises(Killed):
                trainer.worker().work(job, "t")
            trainer.recover()
        assert trainer.finish(job).state is JobState.SUCCEEDED
    went_on = begins(logs)
    assert len(went_on) == len(BOUNDARIES) + 1
    assert went_on[0] == 0
    assert went_on == sorted(set(went_on))
    assert [entry["reason"] for entry in logs if entry["event"] == "checkpoint passed over"] != []
    assert trainer.nets() == whole.nets()
