"""`python -m trainer`: a mistake is one line and exit code 2."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from infra.catalogue.card import StyleCard
from infra.errors import ServiceUnavailable
from trainer.cli import backbone, train
from trainer.cli.card_commands import reproduce_line
from trainer.cli.options import read_loss_network
from trainer.loss.weights import WeightsMissing

BRACKETS = "[/nope]"
NET = Path(__file__).resolve().parents[4] / "infra" / "backbone" / "backbone.safetensors"
STYLES = Path(__file__).resolve().parents[4] / "infra" / "styles"


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
        (train.main, ["train", "--schedule", BRACKETS, "--name", "n", "--out", "out"]),
        (train.main, ["reproduce", BRACKETS]),
        (backbone.main, ["quick", "--backbone", BRACKETS, "--name", "n", "--out", "out"]),
    ],
)
def test_brackets_in_what_was_typed_are_reported_as_they_are(
    main: Callable[[], None],
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A user's input is no markup."""
    files = ("--painting", "gone.jpg", "--photos", "gone")
    monkeypatch.setattr(sys, "argv", ["trainer", *arguments, *files])
    with pytest.raises(SystemExit) as ended:
        main()
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert BRACKETS in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("word", ["monet", "=monet.jpg", "monet="])
def test_a_painting_of_a_joint_training_needs_a_name_and_a_file(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--painting", word, "--photos", "gone", "--base", str(NET), "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["trainer", "backbone", *words])
    with pytest.raises(SystemExit) as ended:
        backbone.main()
    assert ended.value.code == 2
    assert f"{word!r} is not NAME=…" in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--threads", "0"),
        ("--batch", "0"),
        ("--crop", "39"),
        ("--crop", "289"),
        ("--painting-side", "63"),
        ("--painting-blur", "9"),
        ("--seed", "-1"),
        ("--seed", str(2**64)),
        ("--width", "0"),
    ],
)
def test_numbers_that_nothing_can_be_trained_with_are_reported_with_their_option(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--painting", "gone.jpg", "--photos", "gone", "--name", "n", "--out", "out")
    monkeypatch.setattr(sys, "argv", ["trainer", "train", *files, option, value])
    with pytest.raises(SystemExit) as ended:
        train.main()
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


def test_a_machine_that_may_not_download_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("IMPASTO_LOSS_WEIGHTS_DOWNLOAD", "false")
    with pytest.raises(WeightsMissing, match="IMPASTO_LOSS_WEIGHTS_DOWNLOAD is off"):
        read_loss_network("vgg19", tmp_path)


def test_weights_in_the_bucket_are_looked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a folder of that name."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match="impasto up"):
        read_loss_network("vgg19", Path("s3:weights"))


def test_a_command_on_a_card_can_be_typed_on_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names with blanks are one word there too, and the assets lie elsewhere."""
    monkeypatch.setenv("IMPASTO_ASSETS", "/as sets")
    written = reproduce_line(
        Path("my styles/a"), Path("/as sets/my monet.jpg"), Path("photos"), None, fast=True
    )
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\n' {written}"],
        env={"IMPASTO_ASSETS": "/else where"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    options = {told[at]: told[at + 1] for at in range(5, len(told) - 1, 2)}
    assert told[:5] == ["python", "-m", "trainer", "reproduce", "my styles/a"]
    assert options["--painting"] == "/else where/my monet.jpg"
    assert (options["--photos"], told[-1]) == ("photos", "--fast")


def test_a_blur_is_part_of_what_decides_a_training(tmp_path: Path) -> None:
    options = train.TrainOptions(
        painting=tmp_path / "monet.jpg", name="monet", out=tmp_path / "out", painting_blur=0.8
    )
    assert options.config().painting_blur == 0.8


def test_the_command_of_a_quick_style_names_a_backbone_of_ones_own() -> None:
    style, painting, photos = Path("night"), Path("night.jpg"), Path("photos")
    assert "--backbone" not in reproduce_line(style, painting, photos, None)
    over = reproduce_line(style, painting, photos, None, over=Path("mine.safetensors"))
    assert over.endswith("--backbone mine.safetensors")


def test_a_style_without_a_stage_has_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a training leaves it that diverged in its first stage."""
    card = StyleCard.read(STYLES / "water-lilies")
    card.model_copy(update={"stages": []}).write(tmp_path)
    files = ["--painting", "p.jpg", "--photo", "p.jpg", "--out", str(tmp_path / "x.jpg")]
    monkeypatch.setattr(sys, "argv", ["trainer", "picture", str(tmp_path), *files])
    with pytest.raises(SystemExit) as ended:
        train.main()
    assert ended.value.code == 2
    assert "no stage to draw" in " ".join(capsys.readouterr().err.split())
