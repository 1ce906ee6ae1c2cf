"""Quick styles: a painting is learned as an affine over a backbone, stage by stage.

The stages, checkpoints, guard and card are those of any style: only what a stage's file holds is
another. Stage 0 is the affine in the backbone's own file, a near-identity, so a quick style's
strength is a path of affines from a photo that is kept to the strongest.
"""

import hashlib
from dataclasses import dataclass

from trainer.compute.arithmetic import EXACT, Arithmetic
from trainer.data.corpus import Photos
from trainer.data.painting import Decode, decode_here
from trainer.loss.network import LossNetwork
from trainer.training.context import RunConfig, TrainingContext
from worker.net import TransformNet
from worker.net.affine import (
    Affine,
    AffineCard,
    apply,
    is_norm_weight,
    pack_affine,
    take_affine,
    unpack_affine,
)
from worker.net.netfile import NetFileRejected, unpack

#: Highest and lowest learning rate of a quick style's stages. Norms move further than
#: convolutions do, and have less time.
PEAK_RATE = 1e-2
FLOOR_RATE = 1e-3
#: Weight of spikes: norms alone cannot do without them, and painted flat planes instead (udnie: up
#: to 4.8 % of a photo in one grey, where 0.06 % was the most of four styles).
SPIKES = 0.0


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone as its file holds it: the net, and the file's SHA-256 (hex)."""

    net: TransformNet
    sha256: str

    @classmethod
    def read(cls, data: bytes) -> "Backbone":
        """Read a backbone's file, which is an ordinary net file; raises NetFileRejected."""
        return cls(unpack(data)[0], hashlib.sha256(data).hexdigest())

    @property
    def neutral(self) -> Affine:
        """The norms in the file itself: near identity, where every quick style starts."""
        return take_affine(self.net, self.sha256)

    def applied(self, data: bytes) -> TransformNet:
        """Return an affine file's net; raises NetFileRejected, also for another backbone's."""
        affine, _ = unpack_affine(data)
        if affine.backbone != self.sha256:
            raise NetFileRejected(
                f"The affine is made for backbone {affine.backbone[:12]}…, "
                f"not for {self.sha256[:12]}…."
            )
        return apply(self.net, affine)


class QuickContext(TrainingContext):
    """Context of a quick style: stage files are affines over a backbone, nets learn norms alone.

    Raises ValueError for a config of another shape than the backbone's.
    """

    def __init__(
        self,
        config: RunConfig,
        loss_network: LossNetwork,
        backbone: Backbone,
        photos: Photos | None = None,
        arithmetic: Arithmetic = EXACT,
        decode: Decode = decode_here,
    ) -> None:
        if config.net != backbone.net.config:
            raise ValueError(f"the backbone is of shape {backbone.net.config}, not {config.net}")
        super().__init__(config, loss_network, photos, arithmetic, decode)
        self.backbone = backbone

    def first_net(self) -> TransformNet:
        """Return the backbone with its own norms, which is where a quick style starts."""
        return self._learning(apply(self.backbone.net, self.backbone.neutral))

    def pack(self, net: TransformNet, stage: int) -> bytes:
        """Return the affine file of a stage."""
        ratio = self.config.schedule.stages[stage].ratio
        card = AffineCard(self.config.name, stage, ratio, self.provenance())
        return pack_affine(take_affine(net, self.backbone.sha256), card)

    def unpack(self, data: bytes) -> TransformNet:
        """Return the net of a stage's file; raises NetFileRejected as the backbone does."""
        return self._learning(self.backbone.applied(data))

    def stage_zero(self) -> bytes | None:
        """Return the near-identity's file, which serves as stage 0 as it is.

        None where the schedule begins with more: stage 0 is trained then.
        """
        near = self.config.schedule.begins_near_identity
        return self.pack(self.first_net(), 0) if near else None

    def _learning(self, net: TransformNet) -> TransformNet:
        return frozen_but_norms(net).to(self.device)


def frozen_but_norms(net: TransformNet) -> TransformNet:
    """Let a net learn by its norms alone; returns the net itself."""
    for name, weight in net.named_parameters():
        weight.requires_grad_(is_norm_weight(name))
    return net
