"""Submissions of albums: options checked, and photos that lie in S3 already."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from pydantic import ValidationError

from api.problems import FieldError, InvalidFields, UnknownStyle, invalid_fields
from api.schemas.jobs import AlbumByKeys, AlbumOptions, PhotoSource
from api.services import Services
from api.submission.photo_locations import PhotoLocation, any_readable, archive_locations
from api.submission.stored import allowed_prefix, check_keys, key_fault
from impasto_client.photo_names import UniqueNames, safe_name
from infra.catalogue.style import StyleShare
from infra.clutter import is_clutter
from infra.errors import AlbumTooLarge, InvalidRequest, StyleMissing
from infra.jobs.domain.model import JobDraft, PhotoEntry
from infra.jobs.views import JobView
from infra.storage.port import ObjectStore


def submit_keys(body: bytes, *, services: Services, tenant: str) -> JobView:
    """Submit an album whose photos lie in the bucket; `body` is the request's JSON.

    Raises InvalidRequest, AlbumTooLarge, ArchiveDamaged and what the job service raises.
    """
    try:
        album = AlbumByKeys.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_fields(error) from error
    draft = make_draft(
        album, services.jobs.submission.new_job_id(), services=services, tenant=tenant
    )
    allowed = allowed_prefix(services, tenant)
    limit = services.settings.max_album_photos
    keys = _keys(album.photos, services.objects, allowed=allowed, limit=limit)
    return services.jobs.submission.submit(
        draft, name_photos(any_readable(_locations(keys, services)))
    )


def parse_options(fields: Mapping[str, str]) -> AlbumOptions:
    """Check the form fields of an upload; raises InvalidFields."""
    try:
        return AlbumOptions.model_validate(fields)
    except ValidationError as error:
        raise invalid_fields(error) from error


def make_draft(options: AlbumOptions, job: str, *, services: Services, tenant: str) -> JobDraft:
    """Resolve a style, a strength and a blend to the nets they mean now.

    Raises UnknownStyle and StylesNotBlendable.
    """
    blended = options.blend
    other = StyleShare(style=blended.style, share=blended.share) if blended else None
    try:
        blend = services.styles.resolve(options.style, options.strength, other)
    except StyleMissing as error:
        raise UnknownStyle(error.detail) from error
    return JobDraft(
        id=job,
        tenant=tenant,
        kind=options.kind,
        style=options.style,
        strength=options.strength,
        mixed_with=other,
        stroke=options.stroke,
        metadata=options.metadata,
        blend=blend,
    )


def name_photos(locations: Iterable[PhotoLocation]) -> Iterator[PhotoEntry]:
    """Number the photos and name each after its path; no two names are equal."""
    names = UniqueNames()
    for index, location in enumerate(locations):
        yield location.entry(index, names.take(safe_name(location.name)))


def _locations(keys: Iterable[str], services: Services) -> Iterator[PhotoLocation]:
    """Yield the location of each photo; a key with the suffix .zip is an archive."""
    for key in keys:
        if key.lower().endswith(".zip"):
            yield from archive_locations(services.objects, key, services.settings, name=key)
        else:
            yield PhotoLocation(key, key)


def _keys(source: PhotoSource, objects: ObjectStore, *, allowed: str, limit: int) -> Iterable[str]:
    """Return the album's keys; below a prefix they are listed page by page, as they are used."""
    if source.prefix is not None:
        if fault := key_fault(source.prefix, allowed, prefix=True):
            raise InvalidFields([FieldError(pointer="/photos/prefix", detail=fault)])
        return _below(source.prefix, objects)
    keys = source.keys or []
    if len(keys) > limit:
        raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")
    check_keys(keys, allowed, "/photos/keys")
    return keys


def _below(prefix: str, objects: ObjectStore) -> Iterator[str]:
    """List the photos below a prefix; clutter, and objects that stand for folders, are none."""
    folder = prefix[: prefix.rfind("/") + 1]  # a prefix may end inside a name
    listed = (info.key for info in objects.list(prefix))
    keys = (key for key in listed if not (key.endswith("/") or is_clutter(key[len(folder) :])))
    first = next(keys, None)
    if first is None:
        raise InvalidRequest(
            f"No photo lies below the prefix {prefix!r}. Check its spelling, and that the "
            "photos were uploaded to this service's bucket."
        )
    return chain([first], keys)
