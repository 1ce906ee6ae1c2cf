"""An unreadable object: S3 refuses this one and serves others.

An outage is nobody's fault and is waited for. A single object may be refused because of a policy, a
key or damage of its own, and waiting for it could last for ever. So whoever needs it defers its
work to a later round and gives up after some. A probe, another object, tells the two apart.
"""

from contextlib import suppress

from infra.errors import ServiceUnavailable
from infra.storage.port import ObjectMissing, ObjectStore, ObjectUnavailable


class UnreadableObject(ObjectUnavailable):
    """S3 serves other objects, and not this one."""

    def __init__(self, key: str, error: ServiceUnavailable) -> None:
        super().__init__(key, f"The bucket gives other objects and not {key!r}. {error.detail}")

    def advice(self, then: str) -> str:
        """Return the text for the user once it is given up; `then` follows the repair."""
        return f"{self.detail} Let the service read it or upload it again, then {then}."


def raise_outage(objects: ObjectStore, probe: str) -> None:
    """Raise ServiceUnavailable where not even the object `probe` can be read: an outage."""
    with suppress(ObjectMissing):  # S3 has answered
        objects.get(probe)


def find_unreadable(
    objects: ObjectStore, error: ServiceUnavailable, probe: str
) -> UnreadableObject | None:
    """Return the object that `error` is about if it alone is still unreadable.

    None in an outage, when the object can be read by now, and for an error about no object.
    """
    if not isinstance(error, ObjectUnavailable):
        return None
    try:
        raise_outage(objects, probe)
    except ServiceUnavailable:
        return None
    try:
        objects.get_range(error.key, 0, 1)  # not a HEAD: S3 answers that for archived objects too
    except ObjectMissing:
        return None
    except ServiceUnavailable:
        return UnreadableObject(error.key, error)
    return None  # the outage was over before the probe was read
