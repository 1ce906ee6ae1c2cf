"""The losses of a training by stage and iteration, as its checkpoints hold them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.loss.objective import StepLoss


def pack_history(history: Sequence[Sequence[StepLoss]]) -> Tensor:
    """Return content and style distance of every iteration, (N, 2) float64, stage after stage."""
    losses = [(loss.content, loss.style) for stage in history for loss in stage]
    return torch.tensor(losses, dtype=torch.float64).reshape(-1, 2)


def unpack_history(history: Tensor, lengths: Sequence[int]) -> list[list[StepLoss]]:
    """Return the losses of each stage; `lengths` are the stages' iterations."""
    parts = history.split(list(lengths))
    return [[StepLoss(content, style) for content, style in part.tolist()] for part in parts]
