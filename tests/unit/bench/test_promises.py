"""What a measurement says of its figures, and how it ends."""

import pytest

from tests.bench.common.promises import at_least, at_most, judge


def test_a_limit_itself_is_kept() -> None:
    assert at_least("speed", 1.9, 1.9, "{:.2f}×").kept
    assert not at_least("speed", 1.89, 1.9, "{:.2f}×").kept
    assert at_most("memory", 2.0, 2.0, "{:.1f} GB").kept
    assert not at_most("memory", 2.1, 2.0, "{:.1f} GB").kept


def test_a_missed_promise_ends_in_a_failure_and_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept, missed = at_least("speed", 2, 1, "{:.1f}×"), at_most("memory", 3, 2, "{:.1f} GB")
    assert judge([kept], "small") == 0
    assert "None of 1 promises missed" in capsys.readouterr().out
    assert judge([kept, missed], "small") == 1
    printed = capsys.readouterr().out
    assert "| memory | 3.0 GB | ≤ 2.0 GB | NO |" in printed
    assert "1 of 2 promises missed" in printed


def test_figures_without_meaning_miss_nothing() -> None:
    assert judge([at_least("speed", 0, 1, "{:.1f}×")], "tiny") == 0
