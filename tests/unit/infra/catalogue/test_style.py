"""Mixtures of two published styles: which there are, and the nets that they stand for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.catalogue.style import Blend, Stage, Style, mixture
from infra.errors import StylesNotBlendable

SHARES = st.floats(0, 1)


def style(name: str, *, base: str = "base", stages: int = 3, backbone: str | None = None) -> Style:
    """Return a style whose first stage is `base` and whose others are its own."""
    nets = [base, *(f"{name}-{number}" for number in range(1, stages))]
    return Style(
        name=name,
        title=name,
        stages=tuple(
            Stage(stage=number, ratio=0.1 * 4**number, sha256=net, key=f"nets/{net}")
            for number, net in enumerate(nets)
        ),
        published=datetime(2026, 1, 1, tzinfo=UTC),
        backbone=backbone,
    )


def weights(blend: Blend) -> dict[str, float]:
    return {net.sha256: net.weight for net in blend}


def test_a_mixture_has_both_styles_at_the_strength_asked_for() -> None:
    mixed = mixture(style("waves"), style("lilies", stages=2), strength=1.0, share=0.25)
    assert weights(mixed) == {"waves-2": 0.75, "lilies-1": 0.25}


def test_a_net_that_both_styles_have_is_there_once() -> None:
    mixed = mixture(style("waves"), style("lilies"), strength=0.25, share=0.5)
    assert weights(mixed) == {"base": 0.5, "waves-1": 0.25, "lilies-1": 0.25}
    assert weights(mixture(style("waves"), style("lilies"), strength=0, share=0.3)) == {
        "base": pytest.approx(1.0)
    }


@given(strength=SHARES)
def test_ends_of_a_mixture_are_the_styles_themselves(strength: float) -> None:
    waves, lilies = style("waves"), style("lilies")
    ends = [mixture(waves, lilies, strength=strength, share=share) for share in (0, 1)]
    assert ends == [waves.blend(strength), lilies.blend(strength)]


@given(strength=SHARES, share=SHARES)
def test_weights_of_a_mixture_sum_to_one(strength: float, share: float) -> None:
    mixed = mixture(style("waves"), style("lilies", stages=5), strength=strength, share=share)
    assert 1 <= len(mixed) <= 4
    assert sum(net.weight for net in mixed) == pytest.approx(1.0)
    assert len({net.sha256 for net in mixed}) == len(mixed)


def test_quick_styles_over_one_backbone_can_be_mixed() -> None:
    """Their first stages are files of their own, and mean the same net."""
    waves = style("waves", base="a", backbone="b" * 64)
    mixed = mixture(waves, style("lilies", base="c", backbone="b" * 64), strength=1.0, share=0.5)
    assert weights(mixed) == {"waves-2": 0.5, "lilies-2": 0.5}


@pytest.mark.parametrize(
    "other",
    [
        style("lilies", base="another"),
        style("lilies", base="a", backbone="c" * 64),
        style("lilies", base="b", backbone=None),
    ],
)
@pytest.mark.parametrize("backbone", [None, "b" * 64])
def test_styles_of_different_nets_are_refused(other: Style, backbone: str | None) -> None:
    with pytest.raises(StylesNotBlendable, match="'waves' and 'lilies' were trained from"):
        mixture(style("waves", backbone=backbone), other, strength=0.5, share=0.5)
