"""The photos that come with Impasto, as a trainer reads them."""

import shutil
from pathlib import Path

import pytest

from infra.corpus import FOLDER, PHOTOS, SHA256
from trainer.data.corpus import CorpusRejected
from trainer.data.prepare import SIDE
from trainer.data.starter import starter_corpus
from trainer.training.context import HELD_OUT


def test_every_photo_is_as_a_trainer_wants_it() -> None:
    photos = starter_corpus()
    assert (len(photos), photos.sha256()) == (PHOTOS, SHA256)
    for index in range(len(photos)):
        height, width, channels = photos.photo(index).shape
        assert (min(height, width), channels) == (SIDE, 3)
    assert PHOTOS > 4 * HELD_OUT  # as many are held out as of any corpus


@pytest.mark.parametrize("harm", ["gone", "changed", "added"])
def test_photos_that_are_not_those_that_came_along_are_refused(tmp_path: Path, harm: str) -> None:
    """A training on them could go on on no other machine."""
    folder = tmp_path / "corpus"
    shutil.copytree(FOLDER, folder)
    first, second = sorted(folder.glob("*.jpg"))[:2]
    if harm == "gone":
        first.unlink()
    else:
        shutil.copy(second, first if harm == "changed" else folder / "my.jpg")
    with pytest.raises(CorpusRejected, match="install it again"):
        starter_corpus(folder)
