"""Calls without an answer: what a process asked for was done or was not, and it cannot know."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from infra.errors import ServiceUnavailable
from tests.fakes.jobs import Fuse, Records


class _World(Protocol):
    fuse: Fuse

    @property
    def records(self) -> Records: ...


class _Faulty(Protocol):
    """What a machine has whose faults are to be calls without an answer."""

    world: _World

    def fault_at(self, effects: int | None) -> AbstractContextManager[None]: ...


class Unanswered(RuleBasedStateMachine):
    """Stands before a machine with `world` and `fault_at`, and takes its faults' place."""

    @initialize(late=st.booleans())
    def choose(self, late: bool) -> None:
        self.late = late

    def light(self, effects: int) -> None:
        cast("_Faulty", self).world.fuse.set(effects, self.no_answer, late=self.late)

    def no_answer(self) -> None:
        raise ServiceUnavailable("No answer (in this test).")

    @contextmanager
    def fault_at(self, effects: int | None) -> Iterator[None]:
        world = cast("_Faulty", self).world
        before = world.fuse.fired
        with cast("_Faulty", super()).fault_at(effects):
            try:
                yield
            except ServiceUnavailable:
                assert world.records.down or world.fuse.fired > before
