"""Messages and bars of the trainer's command lines on stderr, and the end on a mistake."""

import sys
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

#: Names of files and styles, and what users typed, may hold brackets: no text is markup.
console = Console(stderr=True, markup=False)


def fail(detail: str) -> NoReturn:
    """Say in one line what is wrong, and end with exit code 2."""
    line = " ".join(detail.split())
    console.print(Text.assemble(("error", "red"), f" {line}"), soft_wrap=True)
    sys.exit(2)


def progress_bars() -> Progress:
    """Return the bars that a training draws, one a stage, with the losses behind each."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=console,
    )
