"""What the trainer's command lines say on stderr, and how they end on a mistake."""

import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text

#: Names of files and styles, and what users typed, may hold brackets: no text is markup.
console = Console(stderr=True, markup=False)


def fail(detail: str) -> NoReturn:
    """Say in one line what is wrong, and end with exit code 2."""
    line = " ".join(detail.split())
    console.print(Text.assemble(("error", "red"), f" {line}"), soft_wrap=True)
    sys.exit(2)
