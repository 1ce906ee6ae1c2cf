"""Submissions of trainings: options checked, and a painting that lies in S3."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from pydantic import ValidationError

from api.problems import FieldError, InvalidFields, invalid_fields
from api.schemas.training import TrainingByKeys, TrainingOptions
from api.services import Services
from api.submission.corpora import choose_corpus
from api.submission.painting_check import HEADER_BYTES, painting_fault
from api.submission.stored import allowed_prefix, check_keys, key_fault
from infra.jobs.domain.model import JobDraft, Painting, TrainingConfig
from infra.jobs.domain.schedule import Schedule
from infra.jobs.domain.training_options import USUAL_SCHEDULES
from infra.jobs.views import JobView
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore


def submit_stored_painting(body: bytes, *, services: Services, tenant: str) -> JobView:
    """Submit a training whose painting lies in the bucket; `body` is the request's JSON.

    Raises InvalidFields, StyleTaken and what the job service raises.
    """
    try:
        requested = TrainingByKeys.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_fields(error) from error
    services.styles_of(tenant).check_free(requested.style, requested.visibility)
    allowed = allowed_prefix(services, tenant)
    previews = requested.previews.keys if requested.previews else []
    check_keys(previews, allowed, "/previews/keys")
    if fault := key_fault(requested.painting.key, allowed):
        raise InvalidFields([FieldError(pointer="/painting/key", detail=fault)])
    draft = make_training_draft(
        requested,
        services.jobs.submission.new_job_id(),
        painting=_read_painting(requested.painting.key, services),
        previews=_check_previews(previews, services.objects),
        services=services,
        tenant=tenant,
    )
    return services.jobs.submission.submit_training(draft)


def parse_training_options(fields: Mapping[str, str]) -> TrainingOptions:
    """Check the form fields of an upload; raises InvalidFields."""
    try:
        return TrainingOptions.model_validate({"kind": "train", **fields})
    except ValidationError as error:
        raise invalid_fields(error) from error


def make_training_draft(
    options: TrainingOptions,
    job: str,
    *,
    painting: Painting,
    previews: Sequence[str],
    services: Services,
    tenant: str,
) -> JobDraft:
    """Build the draft of a training with its defaults; raises InvalidFields."""
    schedule = options.schedule or USUAL_SCHEDULES[options.profile]
    corpus = choose_corpus(services.objects, tenant, options.corpus)
    config = TrainingConfig(
        style=options.style,
        title=options.title or options.style,
        licence=options.licence,
        painting=painting,
        loss_network=options.loss_network,
        profile=options.profile,
        stages=Schedule.parse(schedule, options.loss_network).stages,
        adaptive=options.adaptive,
        corpus=corpus.stored,
        corpus_photos=corpus.photos,
        seed=options.seed,
        base=options.base,
        previews=tuple(previews),
        visibility=services.styles_of(tenant).visibility(options.visibility),
    )
    return JobDraft(
        id=job, tenant=tenant, kind="train", style=options.style, blend=(), training=config
    )


def _read_painting(key: str, services: Services) -> Painting:
    """Return a painting with the hash of its object; raises InvalidFields if it cannot be read."""
    limit = services.settings.max_photo_bytes
    try:
        size = services.objects.head(key).size
        if not 0 < size <= limit:
            fault = "is empty" if size == 0 else f"has more than {limit} bytes"
            raise InvalidFields([FieldError(pointer="/painting/key", detail=f"{key!r} {fault}")])
        digest, beginning = sha256(), b""
        for piece in services.objects.stream(key):
            digest.update(piece)
            beginning += piece[: HEADER_BYTES - len(beginning)]
    except (ObjectMissing, ObjectRefused) as error:
        detail = _fault_of(error)
        raise InvalidFields([FieldError(pointer="/painting/key", detail=detail)]) from error
    if fault := painting_fault(beginning, services.settings.max_photo_megapixels):
        raise InvalidFields([FieldError(pointer="/painting/key", detail=f"{key!r} {fault}")])
    return Painting(key=key, sha256=digest.hexdigest())


def _check_previews(keys: Sequence[str], objects: ObjectStore) -> Sequence[str]:
    """Return the keys of previews after checking that each exists; raises InvalidFields."""
    faults = [
        FieldError(pointer=f"/previews/keys/{index}", detail=fault)
        for index, key in enumerate(keys)
        if (fault := _fault(key, objects))
    ]
    if faults:
        raise InvalidFields(faults)
    return keys


def _fault(key: str, objects: ObjectStore) -> str | None:
    try:
        objects.head(key)
    except (ObjectMissing, ObjectRefused) as error:
        return _fault_of(error)
    return None


def _fault_of(error: ObjectMissing | ObjectRefused) -> str:
    if isinstance(error, ObjectRefused):
        return error.detail
    return f"no object has the key {error.key!r}"
