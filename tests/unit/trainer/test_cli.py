"""`python -m trainer`: a mistake is one line and exit code 2."""

import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from trainer import backbone_cli, cli

BRACKETS = "[/nope]"


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    """Leave PyTorch to the other tests as it was."""
    threads, repeats = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(repeats)


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (cli.main, ["train", "--schedule", BRACKETS, "--name", "n", "--out", "out"]),
        (cli.main, ["reproduce", BRACKETS]),
        (backbone_cli.main, ["quick", "--backbone", BRACKETS, "--name", "n", "--out", "out"]),
    ],
)
def test_brackets_in_what_was_typed_are_told_as_they_are(
    main: Callable[[], None],
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a user typed is no markup."""
    files = ("--painting", "gone.jpg", "--photos", "gone")
    monkeypatch.setattr(sys, "argv", ["trainer", *arguments, *files])
    with pytest.raises(SystemExit) as ended:
        main()
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert BRACKETS in line
    assert line.count("\n") == 1
