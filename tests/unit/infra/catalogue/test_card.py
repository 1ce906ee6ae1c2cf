"""The style card's one model."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from infra.catalogue import card, known_card

STYLES = Path(__file__).resolve().parents[4] / "infra" / "styles"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in STYLES.glob("*/card.json")))
def test_a_card_that_is_read_is_written_byte_for_byte(name: str, tmp_path: Path) -> None:
    card.StyleCard.read(STYLES / name).write(tmp_path)
    assert (tmp_path / "card.json").read_bytes() == (STYLES / name / "card.json").read_bytes()


def test_a_card_tells_the_grain_where_there_is_one() -> None:
    """Without one it is the card that it was before there was any: earlier versions read it."""
    shape = {"width": 16, "residual_blocks": 5, "upsample": "resize"}
    assert card.NetShape.model_validate(shape).model_dump() == shape
    rough = {**shape, "grain": 4.0}
    assert card.NetShape.model_validate(rough).model_dump() == rough


@pytest.mark.parametrize(
    ("known", "whole"),
    [
        (card.FolderCard, card.StyleCard),
        (card.FolderStage, card.StageCard),
        (known_card.KnownStage, card.StageCard),
        (known_card.KnownLosses, card.Losses),
        (known_card.KnownIntervention, card.Intervention),
        (known_card.KnownRefusal, card.RefusedStage),
    ],
)
def test_who_reads_part_of_a_card_knows_it_by_the_models_names(
    known: type[BaseModel], whole: type[BaseModel]
) -> None:
    """Cards of other makers may hold less; what is read of them has one name everywhere."""
    assert set(known.model_fields) <= set(whole.model_fields)


def test_a_published_card_is_read_by_the_models_names() -> None:
    known = set(known_card.KnownCard.model_fields) - {"document"}
    assert known <= set(card.StyleCard.model_fields)
