"""Which first stages serve all later styles of their shape as the base."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from infra.catalogue import StyleCatalogue
from tests.fakes.storage import MemoryStore
from trainer.slices.opener import BASE_CONTENT, NEW_BASE_RATIO, SessionOpener
from trainer.slices.session import TrainingSession
from trainer.training.context import HELD_OUT

KEY = "bases/light.safetensors"


def session(**changes: object) -> TrainingSession:
    """A training whose first stage is as good as a base must be, but for `changes`."""
    what = {
        "photos": HELD_OUT,
        "ratio": NEW_BASE_RATIO,
        "content": BASE_CONTENT,
        "profile": "light",
        "base": None,
        **changes,
    }
    first = SimpleNamespace(ratio=what["ratio"], held_out=SimpleNamespace(content=what["content"]))
    card = SimpleNamespace(stages=[first], held_out_photos=what["photos"], base_sha256=what["base"])
    made = SimpleNamespace(
        run=SimpleNamespace(card=card),
        config=SimpleNamespace(profile=what["profile"]),
        base_key=KEY,
    )
    return cast("TrainingSession", made)


def kept(made: TrainingSession, folder: Path) -> bytes | None:
    """Return the base that serves once a first stage has ended."""
    objects = MemoryStore()
    catalogue = StyleCatalogue(objects)
    opener = SessionOpener(
        objects=objects,
        shared=catalogue,
        open_corpus=lambda _tenant, _name: pytest.fail("nothing is trained here"),
        load_network=lambda _name: pytest.fail("nothing is trained here"),
        scratch=folder,
        decode=lambda _data: pytest.fail("nothing is trained here"),
        max_photo_bytes=1,
    )
    opener.keep_as_base(made, b"a net")
    return catalogue.get_base(KEY)


def test_a_near_identity_on_photos_that_it_never_saw_serves_as_base(tmp_path: Path) -> None:
    assert kept(session(), tmp_path) == b"a net"


@pytest.mark.parametrize(
    "change",
    [
        {"photos": HELD_OUT - 1},
        {"photos": 7},
        {"ratio": 2 * NEW_BASE_RATIO},
        {"content": 1.1 * BASE_CONTENT},
        {"profile": "quick"},
        {"base": "ab" * 32},
    ],
)
def test_others_do_not(tmp_path: Path, change: dict[str, object]) -> None:
    """A trial on three photos above all: it would be every tenant's, for good."""
    assert kept(session(**change), tmp_path) is None
