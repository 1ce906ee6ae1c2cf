"""How many files a folder may hold before an idea in it wants a place of its own."""

from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("api", "infra", "tests", "trainer", "worker")
#: Python files in one folder, subfolders not counted.
FOLDER_FILES: Final = 14


def files(suffix: str) -> list[Path]:
    """Return our files of a suffix; what a build left beside them is not ours."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob(f"*{suffix}")]
    return sorted(path for path in found if "build" not in path.relative_to(ROOT).parts)


def relative(path: Path) -> str:
    """Return a path as one reads it in the repository."""
    return path.relative_to(ROOT).as_posix()


def test_no_folder_holds_more_python_files_than_one_looks_over() -> None:
    folders = Counter(path.parent for path in files(".py"))
    assert {relative(f): count for f, count in folders.items() if count > FOLDER_FILES} == {}
