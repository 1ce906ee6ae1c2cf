"""A path of strengths that begins at the photo: what each strength means on it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import layout
from infra.catalogue import StyleCatalogue
from infra.catalogue.style import (
    PHOTO_KEY,
    PHOTO_SHA256,
    Blend,
    PathStart,
    Style,
    is_photo_alone,
    mixture,
    without_photo,
)
from tests.fakes.storage import MemoryStore
from tests.unit.infra.catalogue.folders import change_card, style_folder

STRENGTHS = st.floats(0, 1)
STAGES = st.integers(1, 7)


def style(name: str, stages: int, path_from: PathStart | None = "photo") -> Style:
    """Return a style whose first stage is every other's, read as it is stored."""
    nets = ["base", *(f"{name}-{number}" for number in range(1, stages))]
    stored = {
        "name": name,
        "title": name,
        "published": "2026-01-01T00:00:00Z",
        "stages": [
            {"stage": number, "ratio": 1, "sha256": net, "key": f"nets/{net}"}
            for number, net in enumerate(nets)
        ],
    }
    return Style.model_validate(stored | ({"path_from": path_from} if path_from else {}))


def weights(blend: Blend) -> dict[str, float]:
    """Return the weights by net; the photo's is called `photo`."""
    return {"photo" if part.is_photo else part.sha256: part.weight for part in blend}


def test_the_path_leads_from_the_photo_to_the_last_stage() -> None:
    waves = style("waves", 3)
    assert weights(waves.blend(0)) == {"photo": 1.0}
    assert weights(waves.blend(0.25)) == {"photo": 0.5, "base": 0.25, "waves-1": 0.25}
    assert weights(waves.blend(0.5)) == {"waves-1": 1.0}
    assert weights(waves.blend(1)) == {"waves-2": 1.0}
    assert [waves.strength_of(position) for position in range(3)] == [0, 0.5, 1]


def test_a_style_of_one_stage_leads_from_the_photo_to_that() -> None:
    waves = style("waves", 1)
    assert [weights(waves.blend(strength)) for strength in (0, 0.25, 1)] == [
        {"photo": 1.0},
        {"photo": 0.75, "base": 0.25},
        {"base": 1.0},
    ]
    assert waves.strength_of(0) == 1


@given(strength=STRENGTHS, stages=STAGES)
def test_a_style_that_does_not_say_has_no_photo_on_its_path(strength: float, stages: int) -> None:
    """Stored styles of earlier versions mean the same nets at the same strengths."""
    old = style("waves", stages, path_from=None).blend(strength)
    assert old == style("waves", stages, "first-stage").blend(strength)
    assert "photo" not in weights(old)
    position = strength * (stages - 1)
    assert sum(
        weight * (0 if net == "base" else int(net.removeprefix("waves-")))
        for net, weight in weights(old).items()
    ) == pytest.approx(position)


@given(strength=STRENGTHS, stages=STAGES)
def test_behind_the_photo_the_path_is_the_one_of_before(strength: float, stages: int) -> None:
    """The same nets in the same parts; once the photo has faded, the very same blend."""
    blend = style("waves", stages).blend(strength)
    assert sum(part.weight for part in blend) == pytest.approx(1.0)
    photo, nets = without_photo(blend)
    old = style("waves", stages, "first-stage").blend(strength)
    if strength * max(stages - 1, 1) >= 1:
        assert (photo, nets) == (0, old)
    elif not is_photo_alone(blend):
        assert weights(nets) == pytest.approx(weights(old))


@given(strength=STRENGTHS, step=st.floats(0, 1e-3), stages=STAGES)
def test_a_small_step_of_strength_changes_weights_a_little(
    strength: float, step: float, stages: int
) -> None:
    here, there = (style("waves", stages).blend(s) for s in (strength, min(strength + step, 1)))
    a, b = weights(here), weights(there)
    moved = sum(abs(a.get(net, 0.0) - b.get(net, 0.0)) for net in a.keys() | b.keys())
    assert moved <= 4 * stages * step + 1e-12
    assert a.get("photo", 0) >= b.get("photo", 0)


@given(strength=STRENGTHS, share=STRENGTHS)
def test_in_a_mixture_the_photos_shares_add_up(strength: float, share: float) -> None:
    waves, lilies = style("waves", 3), style("lilies", 5)
    mixed = mixture(waves, lilies, strength=strength, share=share)
    assert sum(part.weight for part in mixed) == pytest.approx(1.0)
    assert len({part.sha256 for part in mixed}) == len(mixed)
    one, other = (weights(s.blend(strength)).get("photo", 0.0) for s in (waves, lilies))
    assert weights(mixed).get("photo", 0.0) == pytest.approx((1 - share) * one + share * other)


def test_a_mixture_may_begin_at_a_photo_and_at_a_stage() -> None:
    mixed = mixture(style("waves", 3), style("old", 3, "first-stage"), strength=0, share=0.25)
    assert weights(mixed) == {"photo": 0.75, "base": 0.25}


def test_what_a_photo_does_not_cover_is_painted_by_all_nets_in_their_parts() -> None:
    blend = style("waves", 3).blend(0.125)
    assert weights(blend) == {"photo": 0.75, "base": 0.1875, "waves-1": 0.0625}
    photo, nets = without_photo(blend)
    assert (photo, weights(nets)) == (0.75, {"base": 0.75, "waves-1": 0.25})


def test_a_photo_is_alone_only_where_there_is_one() -> None:
    waves = style("waves", 3)
    found = [is_photo_alone(blend) for blend in ((), waves.blend(0), waves.blend(0.1))]
    assert found == [False, True, False]


def test_a_bundled_style_whose_path_begins_at_the_photo_now_is_published_anew(
    catalogue: StyleCatalogue, objects: MemoryStore, tmp_path: Path
) -> None:
    """The service of 0.1.0 had the same stages; what accepted albums mean is in their jobs."""
    folder = style_folder(tmp_path)
    old = catalogue.publish(folder)
    assert (old.path_from, len(old.blend(0.1))) == ("first-stage", 2)
    change_card(folder, path_from="photo")
    new = catalogue.publish(folder)
    assert new == catalogue.get("waves")
    assert (new.path_from, new.stages) == ("photo", old.stages)
    assert json.loads(objects.get(layout.style_file("waves", "card.json")))["path_from"] == "photo"
    before = dict(objects.objects)
    assert catalogue.publish(folder) == new
    assert objects.objects == before


def test_names_of_the_photo_stay_what_is_stored_in_jobs() -> None:
    assert PHOTO_KEY == "the-photo-itself"
    assert PHOTO_SHA256 == "1b68e564f0c292fbd78d7ee9e5d1ee4a97bec9b31f0ef075fe87d5753484f135"
