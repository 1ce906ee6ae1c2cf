"""Hashes over a style card and its nets."""

import hashlib
import json
from typing import Any

from infra.catalogue.card import StyleCard
from worker.net import TransformNet

#: Iterations of every stage whose losses and weights the card keeps, to prove a repetition.
FIRST_ITERATIONS = 20
#: What stands on the card of a training beside what it was sent with. Names among them, and the
#: weight of spikes, are of later versions, which go on from the checkpoints of earlier ones.
UNDECISIVE = {
    "corpus",
    "corpus_photos",
    "corpus_sha256",
    "corpus_terms",
    "loss_weights",
    "spikes",
    "threads",
}


def config_digest(card: StyleCard) -> str:
    """Return a hash (hex) of what decides the weights of a training, but for its photos."""
    parts = {
        "painting": _painting(card),
        "net": card.net.model_dump(),
        "training": card.training.model_dump(exclude=UNDECISIVE),
        "name": card.name,
        "base": card.base_sha256,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _painting(card: StyleCard) -> dict[str, Any]:
    """Return what decides how the painting is seen: as before there was any blur, without one."""
    without = {"title"} if card.painting.blur else {"title", "blur"}
    return card.painting.model_dump(exclude=without)


def weights_sha256(net: TransformNet) -> str:
    """Return a hash (hex) over a net's float32 weights, equal only for bit-equal nets."""
    digest = hashlib.sha256()
    for name, weight in net.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()
