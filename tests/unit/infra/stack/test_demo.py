"""Which photos the demo paints."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from infra.demo import SAMPLES, samples, show


def test_the_samples_are_on_this_machine() -> None:
    """They come with scikit-image, so that the demo needs no network."""
    assert [path.name for path in samples()] == list(SAMPLES)


def test_photos_that_are_not_there_are_reported_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error costs no waiting."""

    def run(command: Sequence[str], *, environment: Mapping[str, str]) -> int:
        pytest.fail(f"nothing should run: {command} with {environment}")

    missing = tmp_path / "missing"
    assert show(photos=missing, out=tmp_path, style="none", data=tmp_path / "data", run=run) == 2
    assert str(missing) in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
