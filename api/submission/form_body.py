"""Submissions as form data, of either kind, read part by part."""

from collections.abc import Iterable

from api.services import Services
from api.submission.album_form import AlbumForm
from api.submission.form import Form, field_error
from api.submission.multipart import FilePart, TextPart
from api.submission.training_form import TrainingForm
from infra.jobs.views import JobView

#: Kinds of jobs; the first is the default of a form.
FORMS: dict[str, type[Form]] = {"stylize": AlbumForm, "train": TrainingForm}
FILES = {name for form in FORMS.values() for name in form.files}
#: Names of the file fields in which a ZIP file stands for the files in it.
ARCHIVES = {name for form in FORMS.values() for name in form.archives}


def submit_upload(
    parts: Iterable[TextPart | FilePart], *, services: Services, tenant: str
) -> JobView:
    """Submit a job that comes as form data.

    Raises InvalidRequest, AlbumTooLarge, StyleTaken, what reading `parts` raises and what the
    job service raises; then none of the files stay in S3.
    """
    job = services.jobs.submission.new_job_id()
    services.jobs.submission.announce(job, tenant)
    upload = _Upload(services, tenant, job)
    try:
        upload.receive(parts)
        submit = upload.form.finish(upload.fields)
    except BaseException:
        upload.form.discard()
        raise
    return submit()


class _Upload:
    """Finds the kind of job that the parts belong to, and passes them to its form.

    The field `kind` says so, and so does any field that only one kind has; browsers and curl send
    fields in any order.
    """

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        self.fields: dict[str, str] = {}
        self._services = services
        self._job = job
        self._forms = {kind: form(services, tenant, job) for kind, form in FORMS.items()}
        self._kind: str | None = None
        #: Whether there are fields that the form has not seen.
        self._unseen = False

    @property
    def form(self) -> Form:
        """The form that the parts so far belong to."""
        return self._forms[self._kind or next(iter(FORMS))]

    def receive(self, parts: Iterable[TextPart | FilePart]) -> None:
        """Keep the fields and store the files; raises as soon as a mistake shows."""
        for part in parts:
            if isinstance(part, TextPart):
                self._keep(part)
            elif _has_file(part):
                self._settle(part.name)
                self._check()
                self._services.jobs.submission.check_time(self._job)
                self.form.store(part)

    def _keep(self, part: TextPart) -> None:
        if part.name in self.fields:
            raise field_error(part.name, "given more than once")
        if part.name in FILES:
            raise field_error(part.name, f"must be a file: curl -F {part.name}=@photo.jpg")
        if not _owners(part.name):  # kept, a form of any length would be in memory
            raise field_error(part.name, "no kind of job has a field of that name")
        self.fields[part.name] = part.value
        if part.name == "kind":
            if part.value not in FORMS:
                raise field_error("kind", f"must be {' or '.join(FORMS)}")
            self._kind = self._kind or part.value
        self._unseen = True
        self._settle(part.name)
        if self._kind is not None:
            self._check()

    def _check(self) -> None:
        """Check new fields at once, so that errors come before the files are sent."""
        if self._unseen:
            self._unseen = False
            self.form.check(self.fields)

    def _settle(self, name: str) -> None:
        owners = _owners(name)
        if self._kind is None and len(owners) == 1:
            self._kind = owners[0]


def _owners(name: str) -> list[str]:
    """Return the kinds of job that have a field of that name."""
    return [kind for kind, form in FORMS.items() if form.owns(name)]


def _has_file(part: FilePart) -> bool:
    """Whether there is a file: a form may be sent without choosing one."""
    if part.archive or part.filename or part.too_large:
        return True
    found = bool(part.file.read(1))
    part.file.seek(0)
    return found
