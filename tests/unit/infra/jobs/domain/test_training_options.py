"""The names that a training may choose from."""

from infra.jobs.domain.schedule import SCHEDULES
from infra.jobs.domain.training_options import PROFILES, USUAL_SCHEDULES


def test_every_profile_has_its_usual_schedule() -> None:
    assert set(USUAL_SCHEDULES) == set(PROFILES)
    assert set(USUAL_SCHEDULES.values()) <= set(SCHEDULES)
