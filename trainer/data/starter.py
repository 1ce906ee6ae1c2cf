"""The corpus that comes with Impasto, as a trainer reads it."""

from pathlib import Path

from infra.corpus import FOLDER, SHA256
from trainer.data.corpus import CorpusRejected, PhotoFolder
from trainer.data.prepare import SIDE


def starter_corpus(folder: Path = FOLDER) -> PhotoFolder:
    """Return the photos of the starter corpus; raises CorpusRejected where they are not whole."""
    photos = PhotoFolder(folder, side=SIDE)
    if photos.sha256() != SHA256:
        raise CorpusRejected(
            f"The photos in {folder} are not those that came with Impasto; install it again."
        )
    return photos
