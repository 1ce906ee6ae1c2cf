"""The guard and the gate: pure rules over losses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.catalogue.card import Losses
from trainer.schedule.gate import refusal
from trainer.schedule.guard import GuardRules, stage_alarm, step_alarm

RULES = GuardRules()


def losses(content: float, style: float, lost: float = 0.5, **faults: float) -> Losses:
    return Losses.model_validate(
        {"content": content, "style": style, "ssim": 0.5, "lost": lost, **faults}
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_alarms_at_once(bad: float) -> None:
    assert step_alarm([0.5, bad], RULES)


def test_a_spike_alarms_only_once_it_lasts() -> None:
    """One bad batch happens; a net that has left the path stays there."""
    calm = [1.0] * 100
    assert step_alarm([*calm, 9.0], RULES) is None
    assert step_alarm([*calm, *[9.0] * 4], RULES) is None
    assert step_alarm([*calm, *[9.0] * 5], RULES)


@given(st.lists(st.floats(0.5, 2.4), max_size=200))
def test_ordinary_noise_never_alarms(noise: list[float]) -> None:
    assert step_alarm(noise, RULES) is None


def test_a_stage_begins_wild() -> None:
    assert step_alarm([0.1, 0.1, *[50.0] * 20], RULES) is None


@pytest.mark.parametrize(
    ("before", "after", "ratio", "alarms"),
    [
        (None, 0.99, 10, False),
        (0.4, 0.79, 10, False),
        (0.4, 0.81, 10, True),
        (0.9, 0.95, 10, False),
        # Where content has no say in the loss, what is lost stays lost.
        (None, 0.99, 1e9, True),
        (0.9, 0.95, 1e9, True),
        (0.9, 0.7, 1e9, False),
    ],
)
def test_a_photo_that_is_lost_alarms(
    before: float | None, after: float, ratio: float, alarms: bool
) -> None:
    started = None if before is None else losses(0.4, 0.5, lost=before)
    assert bool(stage_alarm(started, losses(0.6, 0.1, lost=after), ratio, RULES)) == alarms


def test_strokes_that_take_a_picture_away_from_all_photos_alike_do_not_alarm() -> None:
    """A bold painting's content distance is above 1 where the photo can still be told."""
    assert stage_alarm(losses(0.4, 0.5), losses(1.2, 0.1, lost=0.6), 10, RULES) is None


def test_a_net_of_no_numbers_alarms() -> None:
    assert stage_alarm(None, losses(math.nan, 0.1), 1, RULES)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (None, losses(2.0, 9.0), None),
        (losses(0.4, 0.5), losses(0.5, 0.4), None),
        (losses(0.4, 0.5), losses(0.3, 0.5), "did not fall"),
        (losses(0.4, 0.5), losses(0.3, 0.6), "did not fall"),
        (losses(0.4, 0.5), losses(0.96, 0.1, lost=0.85), "photo is lost"),
        (losses(1.4, 0.2, lost=0.9), losses(0.6, 0.4), None),
    ],
)
def test_only_a_better_net_passes_the_gate(
    before: Losses | None, after: Losses, says: str | None
) -> None:
    found = refusal(before, after)
    assert (found is None) if says is None else (found is not None and says in found)


@pytest.mark.parametrize("before", [None, losses(0.3, 0.5)])
def test_a_net_with_holes_is_refused_even_as_the_first_stage(before: Losses | None) -> None:
    reason = refusal(before, losses(0.3, 0.4, dead=0.05))
    assert reason is not None
    assert "5.0% of a held-out photo is dead" in reason
    assert refusal(before, losses(0.3, 0.4, dead=RULES.dead)) is None


def test_a_net_that_never_learned_a_photo_has_no_holes_that_can_be_told() -> None:
    assert refusal(None, losses(0.9, 0.4, lost=0.95, dead=0.5)) is None


@pytest.mark.parametrize("before", [None, losses(0.3, 0.5)])
def test_a_net_with_halos_is_refused_even_as_the_first_stage(before: Losses | None) -> None:
    reason = refusal(before, losses(0.3, 0.4, halo=0.06))
    assert reason is not None
    assert "off by 6.0% of white" in reason
    assert refusal(before, losses(0.3, 0.4, halo=RULES.halo)) is None
    assert refusal(before, losses(0.3, 0.4, halo=-0.06)) is None, "edges that bleed are no halos"
    assert refusal(None, losses(0.9, 0.4, lost=0.95, halo=0.06)) is None


def test_cards_of_0_1_0_have_neither_dead_areas_nor_halos() -> None:
    old = {"content": 0.3, "style": 0.4, "ssim": 0.5, "lost": 0.4}
    assert (Losses.model_validate(old).dead, Losses.model_validate(old).halo) == (0, 0)
