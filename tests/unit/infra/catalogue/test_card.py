"""The style card's one model."""

from pathlib import Path

import pytest

from infra.catalogue.card import StyleCard

STYLES = Path(__file__).resolve().parents[4] / "infra" / "styles"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in STYLES.glob("*/card.json")))
def test_a_card_that_is_read_is_written_byte_for_byte(name: str, tmp_path: Path) -> None:
    StyleCard.read(STYLES / name).write(tmp_path)
    assert (tmp_path / "card.json").read_bytes() == (STYLES / name / "card.json").read_bytes()
