"""Settings that do nothing where they are set, and that this is said."""

from pathlib import Path

import pytest

from tests.unit.api.cli.test_training import painting, train

__all__ = ["painting"]


def test_weights_that_only_a_trainer_reads_are_said_to_do_nothing_here(
    painting: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_LOSS_WEIGHTS", "/weights")
    result = train(painting, service, "--no-watch")
    assert result.exit_code == 0
    assert "IMPASTO_LOSS_WEIGHTS does nothing here" in result.stderr
    monkeypatch.delenv("IMPASTO_LOSS_WEIGHTS")
    assert "LOSS_WEIGHTS" not in train(painting, service, "--no-watch").stderr
