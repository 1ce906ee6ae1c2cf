"""An object that the bucket keeps back from a training: asked for in some rounds, not for ever.

An outage is no training's fault and is waited for. One object may be kept back by a policy, a key
or damage of its own: its training would never end. So it is left for a later round, as a photo of
an album is, and after some rounds without progress it fails.
"""

from infra.errors import ImpastoError, ServiceUnavailable
from infra.jobs.domain.model import JobSpec
from infra.jobs.manifest import Manifest
from infra.storage.port import ObjectMissing, ObjectStore, ObjectUnavailable


class ObjectKeptBack(ImpastoError):
    """The bucket gives other objects, and not one that the training needs."""

    type = "object-refused-by-storage"
    title = "The bucket keeps back an object that the training needs."

    def __init__(self, key: str, error: ServiceUnavailable) -> None:
        super().__init__(
            f"The bucket gives other objects and not {key!r}. {error.detail} Let the service read "
            "it or upload it again, then send the training again."
        )
        self.key = key


def kept_back(objects: ObjectStore, spec: JobSpec, error: ServiceUnavailable) -> str | None:
    """Return the key that `error` is about where the bucket gives other objects now; else None."""
    if not isinstance(error, ObjectUnavailable):
        return None
    try:
        # In an outage this is not to be had either, and raises.
        Manifest(store=objects, tenant=spec.tenant, job=spec.id).exists()
    except ServiceUnavailable:
        return None
    try:
        objects.get_range(error.key, 0, 1)  # not a HEAD: that is answered of archived ones, too
    except ObjectMissing:
        return None
    except ServiceUnavailable:
        return error.key
    return None  # the outage was over before the job was asked for
