"""How large a folder, a file and a function may grow, and which old words are gone.

Beyond these sizes an idea in it wants a place of its own.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("api", "infra", "tests", "trainer", "worker")
#: Python files in one folder, subfolders not counted.
FOLDER_FILES: Final = 14
FILE_LINES: Final = 300
#: Lines of a function from its `def` on; its decorators are not counted.
FUNCTION_LINES: Final = 45
#: Names of before version 0.2.0; each is written so that a search for it does not find it here.
OLD_WORDS: Final = re.compile(
    "door[b]ell|vi[g]il|after[m]ath|stu[d]io|work[s]hop|sur[v]ival", re.IGNORECASE
)


def files(suffix: str) -> list[Path]:
    """Return our files of a suffix; what a build left beside them is not ours."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob(f"*{suffix}")]
    return sorted(path for path in found if "build" not in path.relative_to(ROOT).parts)


def relative(path: Path) -> str:
    """Return a path as one reads it in the repository."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of lines of each function and method in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{relative(path)}: {node.name}", node.end_lineno - node.lineno + 1


def test_no_folder_holds_more_python_files_than_one_looks_over() -> None:
    folders = Counter(path.parent for path in files(".py"))
    assert {relative(f): count for f, count in folders.items() if count > FOLDER_FILES} == {}


def test_no_file_grows_beyond_its_idea() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in files(".py")}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_grows_beyond_a_screen() -> None:
    lengths = dict(found for path in files(".py") for found in functions(path))
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_old_words_stand_in_the_changelog_and_in_decisions_alone() -> None:
    besides = [*ROOT.glob("*.md"), *(ROOT / ".github").glob("*.md")]
    texts = [path for path in (*files(".py"), *files(".md"), *besides) if not _may_tell(path)]
    found = {
        f"{relative(path)}:{number}": line
        for path in texts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if OLD_WORDS.search(line)
    }
    assert found == {}


def _may_tell(path: Path) -> bool:
    return relative(path) == ".github/CHANGELOG.md" or path.is_relative_to(
        ROOT / "infra" / "decisions"
    )
