"""Submissions of albums: options checked, and photos that lie in S3 already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os.path import commonprefix

from pydantic import ValidationError

from api.problems import FieldError, InvalidFields, UnknownStyle, invalid_fields
from api.schemas.jobs import AlbumByKeys, AlbumOptions, PhotoSource
from api.services import Services
from api.submission.photo_locations import (
    PassedOver,
    PhotoLocation,
    archive_locations,
    check_readable,
    name_photos,
)
from api.submission.stored import allowed_prefix, check_keys, key_fault
from infra.catalogue.style import StyleShare
from infra.clutter import cannot_be_photo
from infra.errors import AlbumTooLarge, InvalidRequest, StyleMissing
from infra.jobs.domain.model import JobDraft
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
    passed_over = PassedOver()
    keys = _keys(album.photos, services.objects, passed_over, allowed=allowed, limit=limit)
    folder = _shared_folder(album.photos)
    photos = list(islice(_locations(keys, folder, services, passed_over), limit + 1))
    check_room(len(photos), limit)
    check_readable(photos)
    draft = draft.model_copy(update={"note": passed_over.note()})
    return services.jobs.submission.submit(draft, name_photos(photos))


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
        blend = services.styles_of(tenant).resolve(options.style, options.strength, other)
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
        format=options.format,
        blend=blend,
    )


def check_room(photos: int, limit: int) -> None:
    """Raise AlbumTooLarge for more photos than an album may have."""
    if photos > limit:
        raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")


def _shared_folder(source: PhotoSource) -> str:
    """Return the folder, with its slash, that all photos lie in: their paths begin below it."""
    # A prefix may end inside a name.
    shared = source.prefix if source.prefix is not None else _common_start(source.keys or [])
    return shared[: shared.rfind("/") + 1]


def _common_start(keys: Sequence[str]) -> str:
    return commonprefix(keys)  # noqa: RUF071  (cut at a slash by who calls)


def _locations(
    keys: Iterable[str], folder: str, services: Services, passed_over: PassedOver
) -> Iterator[PhotoLocation]:
    """Yield the location of each photo; a key with the suffix .zip is an archive."""
    for key in keys:
        location = PhotoLocation(key.removeprefix(folder), key, source=key)
        if key.lower().endswith(".zip"):
            yield from archive_locations(
                services.objects, location, services.settings, passed_over, name=key
            )
        else:
            yield location


def _keys(
    source: PhotoSource,
    objects: ObjectStore,
    passed_over: PassedOver,
    *,
    allowed: str,
    limit: int,
) -> Iterable[str]:
    """Return the album's keys; below a prefix they are listed page by page, as they are used."""
    if source.prefix is not None:
        if fault := key_fault(source.prefix, allowed, prefix=True):
            raise InvalidFields([FieldError(pointer="/photos/prefix", detail=fault)])
        return _below(source.prefix, objects, passed_over)
    keys = source.keys or []
    check_room(len(keys), limit)
    check_keys(keys, allowed, "/photos/keys")
    return keys


def _below(prefix: str, objects: ObjectStore, passed_over: PassedOver) -> Iterator[str]:
    """List what may be photos below a prefix; objects that stand for folders never are."""
    folder = prefix[: prefix.rfind("/") + 1]  # a prefix may end inside a name
    found = False
    for info in objects.list(prefix):
        if info.key.endswith("/"):
            continue
        if cannot_be_photo(info.key[len(folder) :]):
            passed_over.add(info.key)
        else:
            found = True
            yield info.key
    if not found:
        raise InvalidRequest(
            f"No photo lies below the prefix {prefix!r}. Check its spelling, and that the "
            f"photos were uploaded to this service's bucket. {passed_over.note() or ''}".strip()
        )
