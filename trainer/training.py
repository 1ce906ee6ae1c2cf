"""Training a style: the schedule's stages one after the other, each published as it ends."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from trainer.card import (
    FIRST_ITERATIONS,
    FirstIterations,
    Losses,
    NetShape,
    PaintingCard,
    StageCard,
    StyleCard,
    TrainingCard,
    machine,
    weights_sha256,
)
from trainer.corpus import CorpusRejected, CropSampler, PhotoFolder, read_picture, split_held_out
from trainer.loop import Recipe, StageTrainer, StepLoss
from trainer.losses import StyleTarget, distances, style_target
from trainer.lossnet import LossNetwork
from trainer.measure import Measured, measure
from trainer.schedule import Schedule
from trainer.sheet import contact_sheet, save_sheet
from worker.net import NetConfig, TransformNet
from worker.netfile import NetCard, pack, unpack

#: Photos kept out of training, on which every stage is measured.
HELD_OUT = 16
#: Short side of the corpus photos, pixels; crops are taken from them.
CORPUS_SIDE = 288
#: Photos on the contact sheet.
SHEET_PHOTOS = 6


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for: a painting, photos to learn on, and how to train."""

    name: str
    title: str
    licence: str
    painting: Path
    photos: Path
    schedule: Schedule
    net: NetConfig
    recipe: Recipe
    #: Short side, pixels, at which the painting is seen: larger makes finer strokes.
    painting_side: int
    code_version: str
    command: str
    reproduce: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is, for a progress bar."""

    stage: int
    ratio: float
    iteration: int
    iterations: int
    loss: StepLoss


class Studio:
    """Everything that the stages of one training share, measured and decoded once."""

    def __init__(self, order: Order, loss_network: LossNetwork) -> None:
        self.order = order
        self.loss_network = loss_network
        self.corpus = PhotoFolder(order.photos, side=CORPUS_SIDE)
        training, held_out = split_held_out(len(self.corpus), HELD_OUT)
        self.sampler = CropSampler(
            self.corpus, indices=training, crop=order.recipe.crop, seed=order.recipe.seed
        )
        if order.recipe.crop > CORPUS_SIDE:
            raise CorpusRejected(f"A crop is at most {CORPUS_SIDE} px, not {order.recipe.crop}.")
        self.held_out = [to_tensor(self.corpus.photo(index)) for index in held_out or training]
        self.painting = to_tensor(read_picture(order.painting, order.painting_side))
        self.target: StyleTarget = style_target(loss_network, self.painting)

    def first_net(self) -> TransformNet:
        """Return the untrained net that the seed stands for."""
        torch.manual_seed(self.order.recipe.seed)
        return TransformNet(self.order.net)

    def stage_trainer(self, stage: int, net: TransformNet) -> StageTrainer:
        """Set up a stage that continues from `net` at the stage's own place in the corpus."""
        before = sum(s.iterations for s in self.order.schedule.stages[:stage])
        return StageTrainer(
            net=net,
            loss_network=self.loss_network,
            target=self.target,
            sampler=self.sampler,
            stage=self.order.schedule.stages[stage],
            recipe=self.order.recipe,
            lowest_ratio=self.order.schedule.stages[0].ratio,
            first_photo=before * self.order.recipe.batch,
        )

    def measure(self, net: TransformNet) -> Measured:
        """Measure a net on the held-out photos."""
        return measure(net, self.held_out, self.loss_network, self.target)

    @torch.no_grad()
    def measure_photos(self) -> Losses:
        """Measure the held-out photos themselves, as if a net changed nothing."""
        seen = [self.loss_network(photo) for photo in self.held_out]
        style = sum(distances(s, s, self.target).style.item() for s in seen) / len(seen)
        return Losses(content=0.0, style=style, ssim=1.0)


def to_tensor(pixels: object) -> Tensor:
    """Return (H, W, 3) uint8 pixels as a picture of the trainer's: (1, 3, H, W) float 0..1."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float().div_(255)


def prepare_arithmetic(threads: int) -> None:
    """Make CPU arithmetic repeat bit for bit: fixed threads, deterministic algorithms."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)


def train(
    studio: Studio, folder: Path, on_progress: Callable[[Progress], None] = lambda _: None
) -> StyleCard:
    """Train all stages into `folder`: stage files, `card.json` and `contact-sheet.jpg`.

    Stages that the folder's card already holds for the same order are kept, so a training that
    was stopped goes on behind its last finished stage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    card = _resume(studio, folder)
    for stage in range(len(card.stages), len(studio.order.schedule.stages)):
        done = _train_stage(studio, folder, stage, on_progress)
        card = card.model_copy(update={"stages": [*card.stages, done]})
        card.write(folder)
        _draw_sheet(studio, folder, card)
    return card


def starting_net(studio: Studio, folder: Path, stage: int) -> TransformNet:
    """Return the net that a stage starts from: the file of the one before, or the seed's."""
    if stage == 0:
        return studio.first_net()
    return unpack((folder / stage_file(stage - 1)).read_bytes())[0]


def stage_file(stage: int) -> str:
    """Return a stage's file name in its style's folder."""
    return f"stage-{stage}.safetensors"


def first_iterations(trainer: StageTrainer) -> Iterator[StepLoss]:
    """Run a stage's first iterations, yielding each one's losses."""
    while trainer.iteration < FIRST_ITERATIONS and not trainer.done:
        yield trainer.step()


def _train_stage(
    studio: Studio, folder: Path, stage: int, on_progress: Callable[[Progress], None]
) -> StageCard:
    order = studio.order
    plan = order.schedule.stages[stage]
    net = starting_net(studio, folder, stage)
    trainer = studio.stage_trainer(stage, net)
    begun = time.monotonic()
    losses: list[tuple[float, float]] = []
    for loss in first_iterations(trainer):
        losses.append((loss.content, loss.style))
        on_progress(Progress(stage, plan.ratio, trainer.iteration, plan.iterations, loss))
    first = FirstIterations(losses=losses, weights_sha256=weights_sha256(net))
    while not trainer.done:
        loss = trainer.step()
        on_progress(Progress(stage, plan.ratio, trainer.iteration, plan.iterations, loss))
    seconds = time.monotonic() - begun
    data = pack(net, NetCard(order.net, order.name, stage, plan.ratio, _provenance(studio)))
    (folder / stage_file(stage)).write_bytes(data)
    held_out = studio.measure(unpack(data)[0])
    return StageCard(
        stage=stage,
        ratio=plan.ratio,
        iterations=plan.iterations,
        file=stage_file(stage),
        sha256=hashlib.sha256(data).hexdigest(),
        seconds=round(seconds, 1),
        held_out=Losses(**asdict(held_out)),
        first=first,
    )


def _provenance(studio: Studio) -> dict[str, str]:
    order = studio.order
    return {
        "painting_sha256": file_sha256(order.painting),
        "schedule": str(order.schedule),
        "loss_network": studio.loss_network.name,
        "code_version": order.code_version,
        "licence": order.licence,
    }


def _resume(studio: Studio, folder: Path) -> StyleCard:
    fresh = _blank_card(studio)
    if not (folder / "card.json").exists():
        return fresh
    found = StyleCard.read(folder)
    same = found.model_copy(update={"stages": []}) == fresh.model_copy(update={"stages": []})
    return found if same else fresh


def _blank_card(studio: Studio) -> StyleCard:
    order, recipe = studio.order, studio.order.recipe
    return StyleCard(
        name=order.name,
        title=order.title,
        licence=order.licence,
        code_version=order.code_version,
        command=order.command,
        reproduce=order.reproduce,
        painting=PaintingCard(
            sha256=file_sha256(order.painting), title=order.title, side=order.painting_side
        ),
        net=NetShape(**asdict(order.net)),
        training=TrainingCard(
            loss_network=studio.loss_network.name,
            schedule=str(order.schedule),
            **asdict(recipe),
            threads=torch.get_num_threads(),
            corpus_photos=len(studio.corpus),
            corpus_sha256=corpus_sha256(studio.corpus),
            machine=machine(),
        ),
        held_out_photos=len(studio.held_out),
        photos_before_training=studio.measure_photos(),
        stages=[],
    )


def _draw_sheet(studio: Studio, folder: Path, card: StyleCard) -> None:
    nets = [unpack((folder / stage.file).read_bytes())[0] for stage in card.stages]
    captions = [f"stage {stage.stage}, ratio {stage.ratio:g}" for stage in card.stages]
    sheet = contact_sheet(studio.held_out[:SHEET_PHOTOS], nets, captions, studio.painting)
    save_sheet(sheet, folder / "contact-sheet.jpg")


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 (hex)."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def corpus_sha256(corpus: PhotoFolder) -> str:
    """Return a SHA-256 (hex) over a corpus: its photos' names and contents in order."""
    digest = hashlib.sha256()
    for path in corpus.paths:
        digest.update(path.name.encode())
        digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()
