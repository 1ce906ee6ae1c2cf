"""What the repository's Markdown says of the repository."""

import re
import subprocess
from pathlib import Path

import pytest

from infra.settings import Settings, load_settings
from tests.documents import ROOT, anchors, blocks, documents, folders, links, name, parse_blocks
from worker.pixels.formats.sniff import ACCEPTED

README = ROOT / "README.md"
CHANGELOG = ROOT / ".github" / "CHANGELOG.md"
#: Lines that a README may have, and those of the folders; the measurements' are tables.
README_LINES, ROOM_LINES = 200, 60
LONGER = {README, ROOT / "tests" / "bench" / "README.md"}

#: Commands that are run, settings, and what nobody types here: diagrams, other machines' commands.
LANGUAGES = {"sh", "python", "ini", "text"}
#: Blocks that another test runs: test_client_install.py, in an environment of its own.
ELSEWHERE = {"api/client/README.md": {"console", "py"}}

#: A setting as a shell and systemd's EnvironmentFile both read it: nothing unquoted that one of
#: them would change, and nothing behind the value.
SETTING = re.compile(r"([A-Z][A-Z0-9_]*)=(?:'([^'\n]*)'|([\w./:@-]*))")


@pytest.mark.parametrize("document", documents(), ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", documents(), ids=name)
def test_every_block_says_whether_it_is_run(document: Path) -> None:
    """test_readme.py runs `sh` and `python`; under another name a command would rot unseen."""
    known = LANGUAGES | ELSEWHERE.get(name(document), set())
    languages = {block.language for block in parse_blocks(document.read_text())}
    assert languages <= known


@pytest.mark.parametrize("document", [d for d in documents() if d != CHANGELOG], ids=name)
def test_every_path_that_is_named_exists(document: Path) -> None:
    """Written from the root, or as the document's folder sees it; the changelog names old ones."""
    named = re.findall(r"`((?:api|infra|tests|trainer|worker)/[\w./-]*)`", document.read_text())
    places = (ROOT, document.parent)
    missing = [path for path in named if not any((place / path).exists() for place in places)]
    assert missing == []


@pytest.mark.parametrize("document", documents(), ids=name)
def test_every_setting_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"\bIMPASTO_[A-Z0-9_]+\b", document.read_text()))
    known = {f"IMPASTO_{field.upper()}" for field in Settings.model_fields}
    assert named <= known


def test_no_readme_is_longer_than_a_newcomer_reads() -> None:
    assert len(README.read_text().splitlines()) <= README_LINES
    rooms = {path for path in documents() if path.name == "README.md"} - LONGER
    lengths = {name(path): len(path.read_text().splitlines()) for path in rooms}
    assert {path: lines for path, lines in lengths.items() if lines > ROOM_LINES} == {}


def test_the_tree_shows_every_folder_once() -> None:
    """Two levels, one line a folder, each with what it is for."""
    (tree,) = (b for b in blocks(README, "text") if re.match(r"^api/ +\S", b.text))
    shown: list[str] = []
    for line in tree.text.splitlines():
        match = re.fullmatch(r"( {2})?([\w-]+)/ +(\S.*)", line)
        assert match, line
        shown.append(f"{shown_room(shown)}/{match[2]}" if match[1] else match[2])
    assert len(shown) == len(set(shown))
    assert set(shown) == folders(2)


def shown_room(shown: list[str]) -> str:
    """The folder of the first level that the last line was in."""
    return shown[-1].partition("/")[0]


@pytest.mark.parametrize("document", [README, ROOT / "api" / "client" / "README.md"], ids=name)
def test_the_formats_that_are_taken_are_reported(document: Path) -> None:
    assert ACCEPTED in document.read_text()


@pytest.mark.parametrize("document", documents(), ids=name)
def test_settings_are_read_alike_by_a_shell_and_by_systemd(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, text in enumerate(settings_files(document)):
        expected = read_as_systemd(text)
        file = tmp_path / f"{number}.env"
        file.write_text(text)
        names = " ".join(f'"${{{each}-}}"' for each in expected)
        script = f"set -a; . {file}; set +a; printf '%s\\0' {names}"
        sourced = subprocess.run(["sh", "-euc", script], capture_output=True, check=True)
        assert sourced.stdout.decode().split("\0")[:-1] == list(expected.values())
        for each, value in expected.items():
            monkeypatch.setenv(each, value)
        load_settings()


def settings_files(document: Path) -> list[str]:
    """The settings that a document shows: blocks of them, and files that its commands write."""
    written = (
        found[1]
        for block in blocks(document, "sh")
        for found in re.finditer(r"> *\S+\.env <<'END'\n(.*?)^END$", block.text, re.M | re.S)
    )
    return [*(block.text for block in blocks(document, "ini")), *written]


def read_as_systemd(text: str) -> dict[str, str]:
    """Read the lines of an EnvironmentFile that mean the same in a shell."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = SETTING.fullmatch(line)
            assert match, f"a shell or systemd would read this otherwise: {line}"
            found[match[1]] = match[2] if match[2] is not None else match[3]
    return found


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]?", CHANGELOG.read_text(), re.MULTILINE)
    assert versions[0] == (ROOT / "api" / "client" / "VERSION").read_text().strip()


def test_blocks_are_found_with_their_lines() -> None:
    text = "one\n```sh\nls\n```\n\n```text\n$ no\n```\n"
    found = [(block.language, block.text, block.line) for block in parse_blocks(text)]
    assert found == [("sh", "ls\n", 3), ("text", "$ no\n", 7)]
