"""The errors of an embedded stack."""

from http import HTTPStatus

from infra.errors import ImpastoError


class StackRefused(ImpastoError):
    """The settings, the data folder or the machine do not let a stack start."""

    type = "stack-refused"
    title = "The stack cannot start."
    status = HTTPStatus.SERVICE_UNAVAILABLE


class StackFailed(ImpastoError):
    """A part of the stack did not become ready, or the stack died."""

    type = "stack-failed"
    title = "The stack does not work."
    status = HTTPStatus.SERVICE_UNAVAILABLE
