"""The repository's Markdown: which documents there are, their fenced blocks and their links."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Where the project's own files are; what runs here leaves others beside them.
ROOMS = (".github", "api", "findings", "infra", "tests", "trainer", "worker")

_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?![a-z]+:)([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is where its text begins, from 1."""

    language: str
    text: str
    line: int


def documents() -> list[Path]:
    """Every Markdown file, the README first."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*.md"))
    return [ROOT / "README.md", *sorted(found)]


def name(document: Path) -> str:
    """A document as messages name it: its path below the root."""
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a document in some languages, in their order."""
    return [block for block in parse_blocks(document.read_text()) if block.language in languages]


def parse_blocks(text: str) -> Iterator[Block]:
    """Every fenced block of a text."""
    for found in _FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1)


def links(document: Path) -> list[str]:
    """The relative links of a document, pictures too; what stands in fenced blocks is none."""
    return _LINK.findall(_FENCE.sub("", document.read_text()))


def anchors(document: Path) -> set[str]:
    """What a link may name behind a `#`: the document's headings as GitHub writes them."""
    headings = re.findall(r"^#+ +(.+)$", _FENCE.sub("", document.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def folders(depth: int) -> set[str]:
    """The project's folders down to a depth, as `infra/jobs`; what Python leaves is none."""
    return {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        if not room.startswith(".")
        for path in _below(ROOT / room, depth - 1)
    }


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    for path in sorted(folder.iterdir()) if depth else ():
        if path.is_dir() and path.name != "__pycache__" and any(_files(path)):
            yield from _below(path, depth - 1)


def _files(folder: Path) -> Iterator[str]:
    for parent, _, files in os.walk(folder):
        if not parent.endswith("__pycache__"):
            yield from files
