"""The training context: config, corpus, painting and style target, shared by all stages."""

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from infra.catalogue.card import Losses, NetShape, PaintingCard, StyleCard, TrainingCard
from infra.corpus import describe_corpus
from infra.jobs.domain.schedule import Schedule
from trainer.compute.arithmetic import EXACT, Arithmetic
from trainer.compute.machine import machine
from trainer.data.corpus import CorpusRejected, CropSampler, PhotoFolder, Photos, split_held_out
from trainer.data.painting import Decode, decode_here, read_painting
from trainer.loss.distances import StyleTarget, distances, style_target
from trainer.loss.measure import Measured, measure
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.schedule.learning_rate import Adaptive
from trainer.schedule.rate_policy import AdaptiveRate, FixedRate, LearningRatePolicy
from trainer.training.loop import StageTrainer
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, pack, unpack

#: Photos kept out of training, on which every stage is measured.
HELD_OUT = 16
#: Short side of the corpus photos, pixels; crops are taken from them.
CORPUS_SIDE = 288
#: Grain (255ths) of nets that start from nothing; those that start from another net take its own.
GRAIN = 4.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that decides one training run: painting, photos, schedule, net and hyperparameters."""

    name: str
    title: str
    licence: str
    painting: Path
    photos: Path
    schedule: Schedule
    net: NetConfig
    hyperparameters: Hyperparameters
    #: Short side, pixels, at which the painting is seen: larger makes finer strokes.
    painting_side: int
    code_version: str
    command: str
    reproduce: str
    #: Set when stages may end early, once they have settled.
    adaptive: Adaptive | None = None
    #: Deviation, pixels, of the Gaussian that the painting is blurred by (see `read_painting`).
    painting_blur: float = 0.0


class TrainingContext:
    """Everything that the stages of one training share, measured and decoded once.

    `photos` are the corpus where it is not the folder that the config names; `decode` is for the
    painting. Training happens on the loss network's device.
    """

    def __init__(
        self,
        config: RunConfig,
        loss_network: LossNetwork,
        photos: Photos | None = None,
        arithmetic: Arithmetic = EXACT,
        decode: Decode = decode_here,
    ) -> None:
        if config.hyperparameters.crop > CORPUS_SIDE:
            raise CorpusRejected(
                f"A crop is at most {CORPUS_SIDE} px, not {config.hyperparameters.crop}."
            )
        self.config = config
        self.loss_network = loss_network
        self.device = loss_network.device
        self.arithmetic = arithmetic
        painting = read_painting(
            config.painting, config.painting_side, decode, blur=config.painting_blur
        )
        self.painting = to_tensor(painting).to(self.device)
        self.corpus: Photos = photos or PhotoFolder(config.photos, side=CORPUS_SIDE)
        training, held_out = split_held_out(len(self.corpus), HELD_OUT)
        self.sampler = CropSampler(
            self.corpus,
            indices=training,
            crop=config.hyperparameters.crop,
            seed=config.hyperparameters.seed,
        )
        self.held_out = [
            to_tensor(self.corpus.photo(index)).to(self.device) for index in held_out or training
        ]
        self.target: StyleTarget = style_target(loss_network, self.painting)

    @property
    def machine(self) -> str:
        """The machine and arithmetic of this training, as cards name them."""
        return machine(self.device, self.arithmetic)

    def first_net(self) -> TransformNet:
        """Return the untrained net that the seed stands for."""
        torch.manual_seed(self.config.hyperparameters.seed)
        return TransformNet(self.config.net).to(self.device)

    def pack(self, net: TransformNet, stage: int) -> bytes:
        """Return the file of a stage's net."""
        ratio = self.config.schedule.stages[stage].ratio
        card = NetCard(self.config.net, self.config.name, stage, ratio, self.provenance())
        return pack(net, card)

    def unpack(self, data: bytes) -> TransformNet:
        """Return the net in a stage's file, as training goes on from it.

        Raises NetFileRejected, and ValueError for a net of another shape than the config's.
        """
        net, _ = unpack(data)
        if net.config != self.config.net:
            raise ValueError(f"the net is of shape {net.config}, not {self.config.net}")
        return net.to(self.device)

    def stage_trainer(
        self, stage: int, net: TransformNet, *, rate_scale: float = 1.0
    ) -> StageTrainer:
        """Set up a stage that continues from `net` at the stage's own place in the corpus."""
        config = self.config
        before = sum(s.iterations for s in config.schedule.stages[:stage])
        return StageTrainer(
            net=net,
            loss_network=self.loss_network,
            target=self.target,
            sampler=self.sampler,
            stage=config.schedule.stages[stage],
            hyperparameters=config.hyperparameters,
            lowest_ratio=config.schedule.stages[0].ratio,
            first_photo=before * config.hyperparameters.batch,
            rate_policy=self._rate_policy(stage),
            rate_scale=rate_scale,
            arithmetic=self.arithmetic,
        )

    def _rate_policy(self, stage: int) -> LearningRatePolicy:
        hyperparameters, plan = self.config.hyperparameters, self.config.schedule.stages[stage]
        rates = {"peak": hyperparameters.peak(stage), "floor": hyperparameters.floor_rate}
        if self.config.adaptive is None:
            return FixedRate(plan, **rates)
        return AdaptiveRate(plan, self.config.adaptive, **rates)

    def measure(self, net: TransformNet) -> Measured:
        """Measure a net on the held-out photos."""
        contents, _ = self._held_out_seen
        return measure(net, self.held_out, self.loss_network, self.target, contents)

    @property
    def photos_themselves(self) -> Losses:
        """The held-out photos themselves, measured as if a net changed nothing."""
        _, style = self._held_out_seen
        return Losses(content=0.0, style=style, ssim=1.0, lost=0.0)

    @cached_property
    @torch.no_grad()
    def _held_out_seen(self) -> tuple[list[tuple[Tensor, ...]], float]:
        """Content features of the held-out photos, and their mean style distance.

        Every stage is compared with them. Over VGG19 they take some 200 MB, and to find them out
        takes as long as to look at a stage's paintings.
        """
        contents, style = list[tuple[Tensor, ...]](), 0.0
        for photo in self.held_out:
            seen = self.loss_network(photo)
            contents.append(seen.content)
            style += distances(seen, seen.content, self.target).style.item()
        return contents, style / len(self.held_out)

    def provenance(self) -> dict[str, str]:
        """Return what a net's file says of its making."""
        config = self.config
        return {
            "painting_sha256": file_sha256(config.painting),
            "schedule": str(config.schedule),
            "loss_network": self.loss_network.name,
            "code_version": config.code_version,
            "licence": config.licence,
        }

    def blank_card(self, photos: Losses) -> StyleCard:
        """Return the style's card before its first stage; `photos` are as measured themselves."""
        config = self.config
        return StyleCard(
            name=config.name,
            title=config.title,
            licence=config.licence,
            code_version=config.code_version,
            command=config.command,
            reproduce=config.reproduce,
            painting=PaintingCard(
                sha256=file_sha256(config.painting),
                title=config.title,
                side=config.painting_side,
                blur=config.painting_blur,
            ),
            net=NetShape(**config.net.described()),
            training=self._training_card(),
            held_out_photos=len(self.held_out),
            photos_before_training=photos,
            stages=[],
            path_from="photo",
            notes=_notes(len(self.corpus)),
        )

    def _training_card(self) -> TrainingCard:
        name, terms = describe_corpus(self.config.photos)
        return TrainingCard(
            loss_network=self.loss_network.name,
            schedule=str(self.config.schedule),
            **asdict(self.config.hyperparameters),
            threads=torch.get_num_threads(),
            loss_weights=self.loss_network.weights,
            corpus=name,
            corpus_terms=terms,
            corpus_photos=len(self.corpus),
            corpus_sha256=self.corpus.sha256(),
            adaptive=self.config.adaptive is not None,
        )


def _notes(photos: int) -> list[str]:
    """Say what a person should know of a training on that many photos."""
    training, held_out = split_held_out(photos, HELD_OUT)
    if photos == 1:
        return [
            "The corpus is a single photo: the distances are of it, and whether a net loses photos "
            "cannot be told, which takes two. Expect a net that fits this photo alone."
        ]
    if not held_out:
        return [
            f"The corpus has only {photos} photos: none could be kept out of training, so the "
            "distances are of photos that the nets were trained on."
        ]
    if len(held_out) < HELD_OUT:
        return [
            f"The corpus has only {photos} photos: {len(training)} to train on and "
            f"{len(held_out)} to measure on. Expect a net that fits photos like these."
        ]
    return []


def to_tensor(pixels: object) -> Tensor:
    """Return (H, W, 3) uint8 pixels as a picture of the trainer's: (1, 3, H, W) float 0..1."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float().div_(255)


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 (hex)."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
