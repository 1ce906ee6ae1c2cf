"""Fetches a photo's file from the bucket, or from a ZIP file in it, unless it is too large."""

from infra.jobs.domain.model import ArchiveMember
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore, ObjectTooLarge
from worker.fetch.zip_member import fetch_member
from worker.pixels import PhotoRejected


def fetch_photo(
    objects: ObjectStore, key: str, max_bytes: int, member: ArchiveMember | None = None
) -> bytes:
    """Return a photo's file; `member` is its entry in a ZIP file.

    Raises PhotoRejected `photo-missing`, `photo-refused-by-storage`, `photo-too-many-bytes` and
    `damaged-in-archive`.
    """
    try:
        if member is None:
            return objects.get(key, limit=max_bytes)
        if member.size > max_bytes:
            raise ObjectTooLarge(key, member.size)
        return fetch_member(objects, key, member)
    except ObjectTooLarge as error:
        raise PhotoRejected(
            "photo-too-many-bytes",
            f"The file has {error.size:,} bytes; the most this service takes is {max_bytes:,}, "
            "so send it smaller.",
        ) from error
    except ObjectMissing as error:
        raise PhotoRejected(
            "photo-missing", f"There is no object {key!r} in the bucket; upload it first."
        ) from error
    except ObjectRefused as error:
        raise PhotoRejected("photo-refused-by-storage", error.detail) from error
