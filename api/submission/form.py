"""An upload half received: its fields, and its files on their way to S3, by the kind of job."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import structlog

from api.problems import FieldError, InvalidFields, pointer
from api.schemas.base import Request
from api.services import Services
from api.submission.multipart import FilePart
from infra.jobs.manifest import Manifest
from infra.jobs.views import JobView

log = structlog.get_logger(__name__)

Fields = Mapping[str, str]


class Form(ABC):
    """What one kind of job takes. Files are stored below the job's own prefix as they come."""

    #: What its text fields may be.
    options: ClassVar[type[Request]]
    #: Names of its file fields.
    files: ClassVar[tuple[str, ...]]
    #: Those of them in which a ZIP file stands for the files in it.
    archives: ClassVar[tuple[str, ...]] = ()

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        self.services = services
        self.tenant = tenant
        self.job = job

    @classmethod
    def owns(cls, field: str) -> bool:
        """Whether a field of that name belongs to this kind of job."""
        return field in cls.files or field in cls.options.model_fields

    @abstractmethod
    def check(self, fields: Fields) -> None:
        """Raise for a mistake that shows already; more fields may follow."""

    @abstractmethod
    def store(self, part: FilePart) -> None:
        """Store a file; raises InvalidFields and AlbumTooLarge where it is not accepted."""

    @abstractmethod
    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Check everything, and return the call that submits the job.

        What can be wrong with the upload is raised here; the call undoes its own failures.
        """

    def discard(self) -> None:
        """Remove what was stored; what cannot be reached now is cleared by the sweeper."""
        try:
            Manifest(store=self.services.objects, tenant=self.tenant, job=self.job).discard()
        except Exception as error:
            log.warning("upload not discarded", job_id=self.job, reason=repr(error))

    def refuse_file(self, part: FilePart) -> InvalidFields:
        """Return the error of a file in a field that takes none."""
        fields = " and ".join(f"`{name}`" for name in self.files)
        return field_error(part.name, f"unknown file field; files go in {fields}")


def field_error(name: str, detail: str) -> InvalidFields:
    """Return the error of one field."""
    return InvalidFields([FieldError(pointer=pointer((name,)), detail=detail)])
