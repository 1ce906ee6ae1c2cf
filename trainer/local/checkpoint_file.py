"""The newest checkpoint of a training on this machine, in a file."""

from pathlib import Path

from trainer.training.checkpoint import Checkpoint, pack_checkpoint, unpack_checkpoint


class CheckpointFile:
    """Keeps one checkpoint at a path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, config_digest: str) -> Checkpoint | None:
        """Return the checkpoint; None where there is none yet. Raises CheckpointRejected."""
        if not self._path.exists():
            return None
        return unpack_checkpoint(self._path.read_bytes(), config_digest)

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".part")
        draft.write_bytes(pack_checkpoint(checkpoint))
        draft.replace(self._path)
