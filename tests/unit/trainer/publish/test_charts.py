"""Loss charts: drawn from the losses alone."""

import io
import re
from xml.etree import ElementTree

from PIL import Image

from infra.catalogue.card import (
    FirstIterations,
    Losses,
    NetShape,
    PaintingCard,
    StageCard,
    StyleCard,
    TrainingCard,
)
from trainer.loss.objective import StepLoss
from trainer.publish.charts import loss_charts

HISTORY = [
    [StepLoss(1 / (n + 1), 2 / (n + 1)) for n in range(900)],
    [StepLoss(0.5, 0.1)] * 3,
    [],
]


def card() -> StyleCard:
    seen = Losses(content=0.4, style=0.2, ssim=0.7, lost=0.4)
    stages = [
        StageCard(
            stage=n,
            ratio=0.02 * 5**n,
            iterations=len(HISTORY[n]),
            file=f"stage-{n}.safetensors",
            sha256="0" * 64,
            seconds=1.0,
            held_out=seen,
            first=FirstIterations(losses=[], weights_sha256="", machine=""),
        )
        for n in (0, 1)
    ]
    training = TrainingCard(
        loss_network="vgg19",
        schedule="0.02:900,0.1:3",
        batch=4,
        crop=192,
        peak_rate=1e-3,
        floor_rate=1e-4,
        later_rate=1e-3,
        smoothness=0.2,
        identity=1.0,
        seed=1,
        threads=1,
        corpus_photos=10,
        corpus_sha256="",
    )
    return StyleCard(
        name="s",
        title="The Title $x$ & <more>",
        licence="CC0-1.0",
        code_version="0",
        command="",
        reproduce="",
        painting=PaintingCard(sha256="", title="", side=384),
        net=NetShape(width=16, residual_blocks=5, upsample="resize"),
        training=training,
        held_out_photos=2,
        photos_before_training=seen,
        stages=stages,
    )


def test_a_chart_is_an_svg_that_says_its_title_and_ratios() -> None:
    drawn = loss_charts(card(), HISTORY)["svg"]
    text = "".join(ElementTree.fromstring(drawn).itertext())
    assert "The Title" in text
    assert "ratio 0.02" in text
    assert "content distance" in text
    assert len(drawn) < 200_000


def test_distances_are_written_as_people_write_them() -> None:
    """No powers of ten: 0.2, not 2 × 10⁻¹."""
    root = ElementTree.fromstring(loss_charts(card(), HISTORY)["svg"])
    texts = {
        "".join(text.itertext()).strip() for text in root.iter("{http://www.w3.org/2000/svg}text")
    }
    numbers = {text for text in texts if text[:1].isdigit()}
    assert len(numbers) > 4
    assert all(re.fullmatch(r"\d+(\.\d+)?", number) for number in numbers), numbers


def test_the_same_losses_give_the_same_chart() -> None:
    assert loss_charts(card(), HISTORY) == loss_charts(card(), HISTORY)


def test_a_chart_is_a_png_too() -> None:
    with Image.open(io.BytesIO(loss_charts(card(), HISTORY)["png"])) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 400


def test_a_training_without_any_loss_yet_has_a_chart() -> None:
    blank = card().model_copy(update={"stages": []})
    assert loss_charts(blank, [[]])["svg"]
