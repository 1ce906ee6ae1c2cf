"""The corpora of a tenant, read from their indices in the bucket, and the one that comes along."""

from typing import Final, NamedTuple

import structlog
from pydantic import BaseModel, Field

from api.problems import FieldError, InvalidFields
from api.schemas.styles import Corpus, StarterCorpus
from infra import layout
from infra.corpus import BUILT_IN, PHOTOS, STARTER, TERMS
from infra.storage.port import ObjectMissing, ObjectStore
from infra.tenants import corpus_command

log = structlog.get_logger(__name__)

#: The photos that come with Impasto.
STARTER_CORPUS: Final = StarterCorpus(name=STARTER, photos=PHOTOS, terms=TERMS)


class Chosen(NamedTuple):
    """The corpus of a training, as it is stored, and how many photos it has."""

    stored: str
    photos: int


class _Index(BaseModel):
    """The fields of a corpus index that the API reads; the trainer reads the rest."""

    photos: int = Field(ge=0)
    shards: int | None = None


def list_corpora(objects: ObjectStore, tenant: str) -> list[Corpus]:
    """Return the tenant's corpora that can be read, by name; raises ServiceUnavailable."""
    names = sorted(objects.folders(layout.corpora_prefix(tenant)))
    found = (_read(objects, tenant, name) for name in names)
    return [corpus for corpus in found if corpus is not None]


def choose_corpus(objects: ObjectStore, tenant: str, requested: str | None) -> Chosen:
    """Return the corpus to learn on: the requested one, else the tenant's only one.

    A tenant without one learns on the starter corpus. Raises InvalidFields where the requested one
    cannot be read, and where one of several must be named.
    """
    if requested is not None and (found := _read(objects, tenant, requested)):
        return Chosen(found.name, found.photos)
    own = list_corpora(objects, tenant)
    if requested is None and len(own) == 1:
        return Chosen(own[0].name, own[0].photos)
    if requested == STARTER or (requested is None and not own):
        return Chosen(BUILT_IN, PHOTOS)
    advice = _advice(requested, [*(corpus.name for corpus in own), STARTER], tenant)
    raise InvalidFields([FieldError(pointer="/corpus", detail=advice)])


def _advice(requested: str | None, names: list[str], tenant: str) -> str:
    known = ", ".join(names)
    if requested is None:
        return f"name one of {known}"
    return (
        f"no corpus {requested!r} can be read; there are: {known}. Photos become one with "
        f"`{corpus_command('NAME', tenant)}`"
    )


def _read(objects: ObjectStore, tenant: str, name: str) -> Corpus | None:
    try:
        index = _Index.model_validate_json(objects.get(layout.corpus_index(tenant, name)))
    except ObjectMissing:
        return None
    except ValueError as error:  # a damaged index, or a name that no corpus can have
        log.warning("corpus cannot be read", tenant=tenant, corpus=name, reason=str(error))
        return None
    return Corpus(name=name, photos=index.photos, shards=index.shards)
