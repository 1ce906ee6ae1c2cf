"""The models of jobs and trainings in memory. Longer: `infra/dev.py bench machine`."""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.machines.broken import BROKEN_RULES, BlindStoreMachine, HastyMachine
from tests.machines.jobs import JobMachine, StoppedJobMachine, UnansweredJobMachine
from tests.machines.play import play
from tests.machines.rules import RulesMachine
from tests.machines.trainings import TrainingMachine, UnansweredTrainingMachine

#: Sequences of each machine in which any of its broken variants is found, on a fixed seed.
ENOUGH = 400


def test_rules_hold_in_any_order() -> None:
    play(RulesMachine, sequences=150)


def test_jobs_survive_kills_at_any_point_and_in_any_order() -> None:
    play(JobMachine, sequences=60)


def test_jobs_survive_processes_that_stop_and_go_on() -> None:
    play(StoppedJobMachine, sequences=60)


def test_jobs_survive_calls_without_an_answer() -> None:
    play(UnansweredJobMachine, sequences=60)


def test_trainings_survive_kills_at_any_point_and_in_any_order() -> None:
    play(TrainingMachine, sequences=60)


def test_trainings_survive_calls_without_an_answer() -> None:
    play(UnansweredTrainingMachine, sequences=60)


@pytest.mark.parametrize("wrong", BROKEN_RULES)
def test_a_broken_rule_is_found(wrong: str) -> None:
    """What never fails proves nothing: the same events over one wrong rule must fail."""

    class Broken(RulesMachine):
        under_test = BROKEN_RULES[wrong]

    with pytest.raises(AssertionError):
        play(Broken, sequences=ENOUGH, seed=1)


@pytest.mark.parametrize("broken", [BlindStoreMachine, HastyMachine])
def test_a_broken_adapter_is_found(broken: type[RuleBasedStateMachine]) -> None:
    with pytest.raises(AssertionError):
        play(broken, sequences=ENOUGH, seed=1)
