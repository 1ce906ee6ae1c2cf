"""The commands that stand on a card: how its style was made, and how a stage is repeated."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.bundled import BUNDLED_BACKBONE
from infra.settings import load_settings


def command_line(module: str = "trainer") -> str:
    """Return the command that runs a module now, paths below IMPASTO_ASSETS named through it."""
    return portable(["python", "-m", module, *sys.argv[1:]])


def reproduce_line(
    style: Path,
    painting: Path,
    photos: Path,
    weights: Path | None,
    *,
    over: Path = BUNDLED_BACKBONE,
    fast: bool = False,
) -> str:
    """Return the command that repeats a stage of this training; `over` is a backbone's file.

    It names no stage: which ones are published is not known when the card is begun.
    """
    words = ["python", "-m", "trainer", "reproduce", str(style)]
    words += ["--painting", str(painting), "--photos", str(photos)]
    words += ["--loss-weights", str(weights)] if weights else []
    words += ["--backbone", str(over)] if over != BUNDLED_BACKBONE else []
    return portable(words + (["--fast"] if fast else []))


def portable(words: Sequence[str]) -> str:
    """Write a command for a shell, the assets folder by its variable.

    A card is read on other machines, where that folder has another path.
    """
    assets = str(load_settings().assets or "")
    return " ".join(_portable_word(word, assets) for word in words)


def _portable_word(word: str, assets: str) -> str:
    before, found, after = word.partition(assets) if assets else (word, "", "")
    if not found:
        return shlex.quote(word)
    return "".join((before and shlex.quote(before), '"$IMPASTO_ASSETS"', shlex.quote(after)))
