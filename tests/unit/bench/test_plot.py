"""The picture of speeds shows what was saved, and the same file for the same numbers."""

from pathlib import Path

import pytest

from tests.bench.painting.plot import album_bars, draw, engine_bars


def result(engine: str, size: list[int], seconds: float) -> dict[str, object]:
    return {"profile": "light", "engine": engine, "size": size, "seconds": seconds}


def test_engines_are_shown_at_one_size() -> None:
    results = [result("A", [480, 640], 9), result("A", [768, 1024], 2), result("B", [768, 1024], 1)]
    bars = engine_bars(results)
    assert bars == pytest.approx({"light, A": 0.393216, "light, B": 0.786432})


def test_where_that_size_was_not_measured_another_is_shown() -> None:
    assert engine_bars([result("A", [10, 100], 0.001)]) == pytest.approx({"light, A": 1.0})


def test_the_same_numbers_give_the_same_picture(tmp_path: Path) -> None:
    album = album_bars([{"plain": 1, "album": 2, "bare": n} for n in (3, 5)])
    assert album == {"plain loop": 1, "album, whole service": 2, "engine alone": 4}
    for name in ("a.svg", "b.svg"):
        draw({"light, A": 1.0}, {"An album": album}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
