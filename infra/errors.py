"""The errors that a user can meet, each with a stable type; layers turn them into what they speak.

The API renders them as RFC 9457 problem details, the CLI as one line and exit code 2.
"""

from http import HTTPStatus
from typing import ClassVar


class ImpastoError(Exception):
    """Base of every error that has a meaning for the user.

    Subclasses fix `type` (a stable slug), `title` (a short sentence, the same each time) and
    `status` (HTTP); `detail` says what happened this time and what to do about it.
    """

    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong inside Impasto."
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidSettings(ImpastoError):
    """A setting has an invalid value; `detail` names the setting, not the value.

    Values may be secrets: keys, or the password in an address.
    """

    type = "invalid-settings"
    title = "The settings are not valid."


class JobMissing(ImpastoError):
    """No job of this tenant has that id."""

    type = "job-missing"
    title = "There is no such job."
    status = HTTPStatus.NOT_FOUND


class JobUnreadable(ImpastoError):
    """A stored object or record of a job is damaged, or has another version's format."""

    type = "job-unreadable"
    title = "What is stored about the job cannot be read."

    def __init__(self, key: str, *, live: bool = False) -> None:
        """`live`: the key is that of a record in Redis, which can be rebuilt from the bucket."""
        what = f"record {key!r} in Redis" if live else f"object {key!r} in the bucket"
        advice = (
            "Run every process from the same version; `impasto doctor` tells how to have it "
            "rebuilt from the bucket."
            if live
            else "Put it back from a copy, or send the job again."
        )
        super().__init__(
            f"The {what} is damaged, or was written by another version of Impasto. {advice}"
        )
        self.key = key


class StyleMissing(ImpastoError):
    """No published style has that name."""

    type = "style-missing"
    title = "There is no such style."
    status = HTTPStatus.NOT_FOUND


class StyleTaken(ImpastoError):
    """A style of that name is published, or another training has reserved it."""

    type = "style-exists"
    title = "There is a style of that name already."
    status = HTTPStatus.CONFLICT


class StyleBusy(ImpastoError):
    """A style cannot be changed while it is trained, or while somebody else changes it."""

    type = "style-busy"
    title = "The style is being trained or changed."
    status = HTTPStatus.CONFLICT


class StyleNotYours(ImpastoError):
    """Only who trained or imported a style may change it; bundled ones nobody."""

    type = "style-not-yours"
    title = "Only its owner may change a style."
    status = HTTPStatus.FORBIDDEN


class PreviewMissing(ImpastoError):
    """No preview of this tenant has that id, or its time is over."""

    type = "preview-missing"
    title = "There is no such preview."
    status = HTTPStatus.NOT_FOUND


class InvalidRequest(ImpastoError):
    """The request cannot be understood or asks for something impossible."""

    type = "invalid-request"
    title = "The request is not valid."
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class StylesNotBlendable(InvalidRequest):
    """Two styles have no net in common that they were trained from."""

    type = "styles-not-blendable"
    title = "These two styles cannot be blended."


class StyleFileRejected(InvalidRequest):
    """A style file is damaged, or is not what an export would be."""

    type = "style-file-rejected"
    title = "The file is no style that can be imported."


class StyleTooLarge(ImpastoError):
    """A style file is larger than the settings allow."""

    type = "style-too-large"
    title = "The style file is larger than this service allows."
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class AlbumTooLarge(ImpastoError):
    """More photos, or larger ones, than the settings allow."""

    type = "album-too-large"
    title = "The album is larger than this service allows."
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class JobNotFinished(ImpastoError):
    """Something was asked for that exists only when the job has ended."""

    type = "job-not-finished"
    title = "The job has not finished yet."
    status = HTTPStatus.CONFLICT


class NothingToRetry(ImpastoError):
    """No photo of the job has failed."""

    type = "nothing-to-retry"
    title = "The job has no failed photos."
    status = HTTPStatus.CONFLICT


class QueueFull(ImpastoError):
    """Too much work waits; nothing was accepted. Ask again in `retry_after` seconds."""

    type = "queue-full"
    title = "Too much is waiting already."
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ServiceUnavailable(ImpastoError):
    """Redis or S3 cannot be reached, or there is no room; nothing was accepted."""

    type = "service-unavailable"
    title = "A part of the service cannot be reached."
    status = HTTPStatus.SERVICE_UNAVAILABLE
