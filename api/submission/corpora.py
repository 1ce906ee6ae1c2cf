"""The corpora of a tenant, read from their indices in the bucket."""

import structlog
from pydantic import BaseModel, Field

from api.problems import FieldError, InvalidFields
from api.schemas.styles import Corpus
from infra import layout
from infra.storage.port import ObjectMissing, ObjectStore
from infra.tenants import corpus_command

log = structlog.get_logger(__name__)


class _Index(BaseModel):
    """The fields of a corpus index that the API reads; the trainer reads the rest."""

    photos: int = Field(ge=0)
    shards: int | None = None


def list_corpora(objects: ObjectStore, tenant: str) -> list[Corpus]:
    """Return the tenant's corpora that can be read, by name; raises ServiceUnavailable."""
    names = sorted(objects.folders(layout.corpora_prefix(tenant)))
    found = (_read(objects, tenant, name) for name in names)
    return [corpus for corpus in found if corpus is not None]


def choose_corpus(objects: ObjectStore, tenant: str, requested: str | None) -> str:
    """Return the name of the corpus to learn on: the requested one, else the only one.

    Raises InvalidFields where that is none.
    """
    if requested is not None and _read(objects, tenant, requested):
        return requested
    names = [corpus.name for corpus in list_corpora(objects, tenant)]
    if requested is None and len(names) == 1:
        return names[0]
    raise InvalidFields([FieldError(pointer="/corpus", detail=_advice(requested, names, tenant))])


def _advice(requested: str | None, names: list[str], tenant: str) -> str:
    if not names:
        return (
            "there are no photos to learn on yet; prepare some with "
            f"`{corpus_command('NAME', tenant)}`"
        )
    known = ", ".join(names)
    if requested is None:
        return f"name one of {known}"
    return f"no corpus {requested!r} can be read; there are: {known}"


def _read(objects: ObjectStore, tenant: str, name: str) -> Corpus | None:
    try:
        index = _Index.model_validate_json(objects.get(layout.corpus_index(tenant, name)))
    except ObjectMissing:
        return None
    except ValueError as error:  # a damaged index, or a name that no corpus can have
        log.warning("corpus cannot be read", tenant=tenant, corpus=name, reason=str(error))
        return None
    return Corpus(name=name, photos=index.photos, shards=index.shards)
