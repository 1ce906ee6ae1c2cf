"""A worker or a trainer that could never work ends at its start, and says why."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.engines import trial
from worker.process.preflight import end_unless_supported, end_unless_writable

ROOT = Path(__file__).parents[4]
#: Servers that nobody listens at: nobody is to be asked.
NOWHERE = {
    "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
    "IMPASTO_S3_ENDPOINT": "http://127.0.0.1:1",
    "IMPASTO_S3_ACCESS_KEY": "none",
    "IMPASTO_S3_SECRET_KEY": "none",
}


@pytest.mark.parametrize(
    ("module", "settings", "reason"),
    [
        # Without a GPU the device is missing; with one, OpenVINO does not work on it.
        ("worker", {"IMPASTO_DEVICE": "cuda", "IMPASTO_ENGINE": "openvino"}, "the device"),
        ("worker", {"IMPASTO_SCRATCH": "/no/such/folder"}, "IMPASTO_SCRATCH"),
        (
            "trainer",
            {"IMPASTO_DEVICE": "cpu", "IMPASTO_TRAINER_FAST": "true", "CXX": "no-such-compiler"},
            "no-such-compiler",
        ),
    ],
)
def test_what_could_never_work_ends_with_the_reason_in_its_log(
    module: str, settings: dict[str, str], reason: str
) -> None:
    """It is not taken for one that is there, and takes no task that it would lose."""
    command = (sys.executable, "-m", "celery", "--quiet", "-A", f"{module}.app", "worker")
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **NOWHERE, **settings},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    *_, last = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert reason in json.loads(last)["reason"]
    assert "Traceback" not in ended.stderr


def test_folder_for_large_photos_that_cannot_be_used_is_named_with_its_setting(
    tmp_path: Path,
) -> None:
    """Small photos would do well, and each large one would fail."""
    end_unless_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    with capture_logs() as logs, pytest.raises(SystemExit, match="1"):
        end_unless_writable(tmp_path / "missing")
    assert "missing, set as IMPASTO_SCRATCH" in logs[0]["reason"]


def test_supported_machine_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_DEVICE", "cpu")
    monkeypatch.setenv("IMPASTO_ENGINE", "torch")
    trial.main()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('a warning', file=sys.stderr); sys.exit('no GPU here')", "no GPU here"),
        ("import os; os._exit(3)", "tried ended with 3"),
    ],
)
def test_reason_is_the_last_line_of_a_preflight(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _module(program, monkeypatch, tmp_path)
    with capture_logs() as logs, pytest.raises(SystemExit, match="1"):
        end_unless_supported("tried")
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("unsupported device or engine", reason)
    ]


def test_passed_preflight_ends_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _module("import sys; print('a warning', file=sys.stderr)", monkeypatch, tmp_path)
    end_unless_supported("tried")


def _module(program: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "tried.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder))
