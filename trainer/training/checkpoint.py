"""Checkpoints: all that a training needs to continue, in one object, checked when it is read.

Safetensors with one entry of metadata: a SHA-256 over the tensors and everything else, so a
truncated, damaged or foreign file is never mistaken for a state. Of several the newest whole one
counts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import safetensors.torch
import structlog
import torch
from torch import Tensor

from infra.errors import ImpastoError
from infra.storage.port import ObjectStore
from worker.net.netfile import NetFileRejected, read_described, read_weights

FORMAT: Final = "impasto-checkpoint"
FORMAT_VERSION: Final = 1
#: Checkpoints of a job that are kept.
KEPT: Final = 2

log = structlog.get_logger()


class CheckpointRejected(ImpastoError):
    """The bytes are no whole checkpoint of this training."""

    type = "checkpoint-rejected"
    title = "The checkpoint cannot be used."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training at one moment. `facts` is everything that is no tensor, as JSON has it."""

    #: Digest (hex) of the training config; stored as "order". A checkpoint of another is refused.
    config_digest: str
    #: Grows with everything a training does, also where the guard takes it back.
    tick: int
    stage: int
    #: Iterations of the stage that are done.
    iteration: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def pack_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a checkpoint's file."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    described = {
        "version": FORMAT_VERSION,
        "order": checkpoint.config_digest,
        "tick": checkpoint.tick,
        "stage": checkpoint.stage,
        "iteration": checkpoint.iteration,
        "facts": dict(checkpoint.facts),
    }
    described["sha256"] = _digest(tensors, described)
    return safetensors.torch.save(tensors, {FORMAT: json.dumps(described, sort_keys=True)})


def unpack_checkpoint(data: bytes, config_digest: str) -> Checkpoint:
    """Return the checkpoint in a file.

    Raises CheckpointRejected for anything but a whole checkpoint of that training config.
    """
    try:
        described = read_described(data, FORMAT, FORMAT_VERSION)
        tensors = read_weights(data)
    except NetFileRejected as error:
        raise CheckpointRejected(error.detail) from error
    if described.pop("sha256", None) != _digest(tensors, described):
        raise CheckpointRejected("The file is damaged: its SHA-256 is another.")
    if described["order"] != config_digest:
        raise CheckpointRejected("The file belongs to another training config.")
    return Checkpoint(
        config_digest=config_digest,
        tick=described["tick"],
        stage=described["stage"],
        iteration=described["iteration"],
        tensors=tensors,
        facts=described["facts"],
    )


def _digest(tensors: Mapping[str, Tensor], described: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class CheckpointStore:
    """A job's checkpoints below a prefix of the bucket, in the order of their ticks."""

    def __init__(self, *, objects: ObjectStore, prefix: str) -> None:
        self._objects = objects
        self._prefix = prefix

    def newest(self, config_digest: str) -> Checkpoint | None:
        """Return the newest whole checkpoint; None when there is none.

        Newer ones that are not whole are removed, or they would push out whole ones later.
        """
        for key in reversed(self._keys()):
            try:
                return unpack_checkpoint(self._objects.get(key), config_digest)
            except CheckpointRejected as error:
                log.warning("checkpoint passed over", key=key, reason=error.detail)
                self._objects.delete(key)
        return None

    def save(self, checkpoint: Checkpoint, token: int) -> None:
        """Write a checkpoint under the writer's fencing token, then remove the oldest."""
        key = f"{self._prefix}{checkpoint.tick:09d}-{token:020d}.safetensors"
        self._objects.put(key, pack_checkpoint(checkpoint))
        for old in self._keys()[:-KEPT]:
            self._objects.delete(old)

    def _keys(self) -> list[str]:
        return [info.key for info in self._objects.list(self._prefix)]
