"""Which part keeps a stack from being ready, and what its log says."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.stack.folder import DataFolder
from infra.stack.readiness import log_tail, to_blame, waiting_for
from infra.stack.supervision import Process, ProgramState


def _process(name: str, state: ProgramState = ProgramState.RUNNING) -> Process:
    return Process(name, state, 1, "")


def test_a_program_that_does_not_run_is_to_blame_first() -> None:
    """A dead server explains an unready API, not the other way round."""
    processes = [_process("redis"), _process("worker", ProgramState.BACKOFF), _process("api")]
    assert to_blame(processes, "redis does not answer") == ["worker"]


def test_the_part_that_readyz_names_is_to_blame_when_all_run() -> None:
    """It runs, but it does not answer."""
    processes = [_process("redis"), _process("s3"), _process("api")]
    assert to_blame(processes, "S3 does not answer") == ["s3"]
    assert to_blame(processes, "who knows") == ["api"]


def test_an_api_that_does_not_answer_is_what_is_waited_for() -> None:
    """Nothing listens on port 1."""
    assert waiting_for("http://127.0.0.1:1") == "api: does not answer yet"


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most companies' machines have one in the environment."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert waiting_for(f"http://127.0.0.1:{server.server_port}") is None


def test_only_the_end_of_a_long_log_is_shown(tmp_path: Path) -> None:
    """And bytes that are no text do no harm."""
    folder = DataFolder.prepare(tmp_path)
    lines = [f"line {n} \N{SNOWMAN}" for n in range(5000)]
    folder.log("api").write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    tail = log_tail(folder, "api")
    assert "line 4999" in tail
    assert "line 4000 " not in tail
    assert "nothing was logged" in log_tail(folder, "worker")
