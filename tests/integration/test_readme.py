"""The documents' commands run as they are written, in a folder like a fresh clone."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.demo import samples
from tests.documents import ROOT, Block, blocks, documents, name
from tests.integration.reader import CommandFailed, answers, is_service, make_clone, read

README = ROOT / "README.md"

#: Commands that are not run here, and why. All others are, whichever document they stand in.
NOT_RUN = {
    "python3 infra/dev.py test\n": "it is what runs this; CI runs it, word for word",
    "python3 infra/dev.py check\n": "CI runs it, word for word, before the tests",
}


def commands(document: Path) -> list[Block]:
    return [b for b in blocks(document, "sh", "python") if b.text not in NOT_RUN]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path)


@pytest.mark.timeout(600)  # a service, albums and whatever else a document shows
@pytest.mark.parametrize("document", [d for d in documents() if commands(d)], ids=name)
def test_every_command_works_as_it_is_typed(document: Path, clone: Path) -> None:
    found = commands(document)
    if any(map(is_service, found)) and answers("/healthz"):
        pytest.skip("something listens on port 8000 already")
    read(found, clone)
    if document == README:
        assert files(clone / "impasto-demo") == {path.name for path in samples()}
        assert files(clone / "paintings") == {"chelsea.png", "coffee.png"}
        assert files(clone / "paintings-by-client") == {"chelsea.png", "coffee.png"}
        assert (clone / "painting.png").read_bytes().startswith(b"\x89PNG")
        assert (clone / "paintings.zip").read_bytes().startswith(b"PK")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_not_run_here_is_what_ci_runs() -> None:
    """As many blocks as are said not to run, and each is a line of CI's script."""
    every = [b.text for d in documents() for b in blocks(d, "sh", "python")]
    assert {text for text in every if text in NOT_RUN} == set(NOT_RUN)
    script = (ROOT / ".ci" / "run").read_text()
    assert [text for text in NOT_RUN if text.strip() not in script] == []


def test_a_command_that_fails_is_found(clone: Path) -> None:
    failing = [Block("sh", "X=1\n", 1), Block("sh", "test $X = 1\nls no-such-file\n", 4)]
    with pytest.raises(CommandFailed, match=r"line 4\nls: .*no-such-file"):
        read(failing, clone)
    with pytest.raises(CommandFailed, match="ZeroDivisionError"):
        read([Block("python", "1 / 0\n", 1)], clone)


def test_a_reader_has_nothing_of_ours_but_the_clone(clone: Path) -> None:
    shown = read([Block("sh", "env\nls -A\ncommand -v impasto || echo none\n", 1)], clone)
    assert "IMPASTO_" not in shown
    assert shown.splitlines()[-1] == "none"


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", None])
def test_waiting_ends_however_the_job_does(state: str | None, clone: Path) -> None:
    """Also where the service is gone: None is a server that answers with an error."""
    (loop,) = (b for b in blocks(README, "sh") if b.text.startswith("while curl"))
    waiting = loop.text.partition("done\n")[0] + "done\n"
    with service_whose_job(state) as url:
        shown = read([Block("sh", f"URL={url} JOB=/v1/jobs/1\n{waiting}echo it ended\n", 1)], clone)
    assert "it ended" in shown


@contextmanager
def service_whose_job(state: str | None) -> Iterator[str]:
    """A server whose one job runs when it is asked for first, and has ended the second time."""
    states = ["running", state]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = states.pop(0)
            self.send_response(200 if now else 500)
            self.end_headers()
            self.wfile.write(f'{{"id":"1","state":"{now}","counts":{{}}}}'.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
