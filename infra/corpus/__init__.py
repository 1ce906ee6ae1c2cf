"""The starter corpus: photos to learn on that come with Impasto, for those who have none.

They lie beside this file as a trainer wants them, and `sources.tsv` names the author, the terms and
the source of each. A training that began on them goes on on the same ones on any machine: the card
and the checkpoints hold their hash.
"""

from pathlib import Path
from typing import Final

#: What people call it. A corpus of a tenant's own that has this name goes first.
STARTER: Final = "starter"
#: What a training that learns on it has stored: no tenant's corpus can be called so.
BUILT_IN: Final = "@starter"
FOLDER: Final = Path(__file__).parent
PHOTOS: Final = 104
#: Over the photos' names and contents, as cards have it.
SHA256: Final = "004241da2eef8e30da2a325d137025e0d8c1e852ff0e14163dd0c4dab83b4522"
TERMS: Final = (
    "public domain, CC0 and CC BY (2.0, 3.0, 4.0); infra/corpus/sources.tsv names each photo's "
    "author, terms and source"
)


def shown_corpus(stored: str) -> str:
    """Return what people call the corpus that a training has stored."""
    return STARTER if stored == BUILT_IN else stored


def describe_corpus(place: Path) -> tuple[str, str | None]:
    """Return the name of the corpus in a folder, or of a stored name, and its terms if known."""
    if place == FOLDER or str(place) == BUILT_IN:
        return STARTER, TERMS
    return place.name, None
