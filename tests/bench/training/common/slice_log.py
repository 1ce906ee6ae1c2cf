"""Slices of trainings as the trainers' logs tell them: who worked when, and from where on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

BEGUN: Final = "slice begun"
ENDED: Final = "slice ended"


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """One slice. Times are seconds since the epoch; `end` is None while it is worked."""

    job: str
    process: int
    begun: float
    #: (stage, iteration) that it went on from.
    position: tuple[int, int]
    end: float | None


def read_slices(logs: Iterable[Path], killed: Mapping[int, float]) -> list[SliceRecord]:
    """Return all slices by their beginning; `killed` are times of death by process."""
    lines = (line for log in logs if log.exists() for line in log.read_text().splitlines())
    events = [event for event in map(_event, lines) if event is not None]
    slices: list[SliceRecord] = []
    for event in sorted(events, key=_time):
        if event["event"] == BEGUN:
            slices.append(_begin(event))
        else:
            slices = [_end(slice_, event) for slice_ in slices]
    return [_bury(slice_, killed) for slice_ in slices]


def overlaps(slices: Sequence[SliceRecord]) -> int:
    """Return how many slices of a job began before its last one had ended."""
    return sum(
        before.end is None or after.begun < before.end
        for before, after in pairwise(sorted(slices, key=lambda one: (one.job, one.begun)))
        if before.job == after.job
    )


def repeated(slices: Sequence[SliceRecord], job: str) -> int:
    """Return how many slices of a job repeated more than the slice before them."""
    own = [slice_ for slice_ in slices if slice_.job == job]
    return sum(after.position < before.position for before, after in pairwise(own))


def _event(line: str) -> dict[str, Any] | None:
    """Return one of our two events; None for any other line, or half of one."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") in (BEGUN, ENDED) else None


def _time(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def _process(event: Mapping[str, Any]) -> int:
    return int(event["worker"].rpartition("/")[2])


def _begin(event: Mapping[str, Any]) -> SliceRecord:
    position = (event["stage"], event["iteration"])
    return SliceRecord(event["job_id"], _process(event), _time(event), position, None)


def _end(slice_: SliceRecord, event: Mapping[str, Any]) -> SliceRecord:
    mine = (slice_.job, slice_.process) == (event["job_id"], _process(event))
    return replace(slice_, end=_time(event)) if mine and slice_.end is None else slice_


def _bury(slice_: SliceRecord, killed: Mapping[int, float]) -> SliceRecord:
    died = killed.get(slice_.process)
    return replace(slice_, end=died) if slice_.end is None and died is not None else slice_
