"""Forms: the fields and files of an upload, one class for each kind of job."""

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
    """The fields and files of one kind of job; files go below the job's prefix as they come."""

    #: Schema of its text fields.
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
        """Raise for an error in the fields so far; more may follow."""

    @abstractmethod
    def store(self, part: FilePart) -> None:
        """Store a file; raises InvalidFields and AlbumTooLarge where it is not accepted."""

    @abstractmethod
    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Check everything, and return the call that submits the job.

        What can be wrong with the upload is raised here; the call undoes its own failures.
        """

    def discard(self) -> None:
        """Remove the stored files; the sweeper removes those that S3 does not answer for now."""
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
