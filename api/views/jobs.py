"""Jobs over HTTP: submit, list, watch, cancel."""

from flask import Response, request

from api.problems import MalformedRequest, UnsupportedMediaType
from api.responses import render
from api.responses.addresses import address, job_address
from api.responses.render import json_response
from api.schemas.job_addresses import ItemQuery, JobPath, JobQuery
from api.schemas.jobs import ItemPage, Job, JobPage
from api.services import services, tenant
from api.submission.form_body import ARCHIVES, submit_upload
from api.submission.json_body import submit_json
from api.submission.multipart import read_parts
from api.views.openapi import JOB_MISSING, QUEUE_FULL, problem, submission_body
from api.views.routing import Views
from infra.jobs.views import JobView

views = Views("jobs", "Albums being painted, styles being learnt.", prefix="/v1/jobs")


@views.post(
    "",
    "submitJob",
    {
        202: Job,
        400: problem(
            "`malformed-request`: the body cannot be read. `archive-damaged`: a ZIP file cannot, "
            "and the album has no photos besides."
        ),
        409: problem("`style-exists`: a new style needs a name that no other has."),
        413: problem("`album-too-large`: more photos than allowed, or none that is not too large."),
        415: problem("`unsupported-media-type`: neither form data nor JSON."),
        422: problem(
            "`invalid-request`: `errors` says where. `archive-refused`: all that was sent are ZIP "
            "files with paths that lead out of them, links, encrypted files, or files that unpack "
            "to far too much, each of which fails alone otherwise."
        ),
        **QUEUE_FULL,
        503: problem(
            "`service-unavailable`: Redis or S3 does not answer, or the server's disk for uploads "
            "is full; `Retry-After` says when to try again."
        ),
    },
    body=submission_body(),
)
def submit_job() -> Response:
    """Submit an album to be painted, or a painting to train a style on.

    Send the files themselves as form data, or name files that lie in the service's bucket. A ZIP
    file of photos may stand wherever a photo may (in the bucket, its key ends in `.zip`); the file
    names of the form may lead into folders. The job is answered before any of them is worked on;
    `Location` says where to watch it.
    """
    view = _submit()
    return json_response(render.job(view), 202, Location=job_address(view.id))


@views.get("", "listJobs", {200: JobPage})
def list_jobs(query: JobQuery) -> Response:
    """List jobs, newest first."""
    found = services().jobs.queries.recent(tenant(), limit=query.limit, after=query.after or "")
    more = len(found) == query.limit
    following = address(f"/v1/jobs?limit={query.limit}&after={found[-1].id}") if more else None
    return json_response(JobPage(jobs=[render.job(view) for view in found], next=following))


@views.get("/<job_id>", "getJob", {200: Job, **JOB_MISSING})
def get_job(path: JobPath) -> Response:
    """Look at a job: its state, counts, progress and time left; of a training, its losses."""
    return json_response(render.job(services().jobs.queries.get(path.job_id, tenant())))


@views.get("/<job_id>/items", "listItems", {200: ItemPage, **JOB_MISSING})
def list_items(path: JobPath, query: ItemQuery) -> Response:
    """List the photos of a job, in the order of the album; a training has none."""
    job = services().jobs.queries.get(path.job_id, tenant())
    found = services().jobs.queries.items(job.id, tenant(), query.offset, query.limit)
    end = query.offset + len(found)
    following = f"{job_address(job.id)}/items?offset={end}&limit={query.limit}"
    page = ItemPage(
        items=[render.item(job.id, view) for view in found],
        offset=query.offset,
        total=job.total if job.kind == "stylize" else 0,
        next=following if found and end < job.total else None,
    )
    return json_response(page)


@views.post("/<job_id>/cancel", "cancelJob", {200: Job, **JOB_MISSING})
def cancel_job(path: JobPath) -> Response:
    """Stop a job. Results that are there stay; a job that has ended stays as it is."""
    return json_response(render.job(services().jobs.cancellation.cancel(path.job_id, tenant())))


@views.post(
    "/<job_id>/retry",
    "retryJob",
    {
        202: Job,
        404: problem("`job-missing`, or `style-missing`: the album's style was deleted."),
        409: problem("`job-not-finished`, or `nothing-to-retry`: no photo of it has failed."),
        **QUEUE_FULL,
    },
)
def retry_job(path: JobPath) -> Response:
    """Submit the failed photos of an album again, as a job of its own.

    The job that has ended stays as it is; `Location` says where to watch the new one.
    """
    view = services().jobs.submission.retry(path.job_id, tenant())
    return json_response(render.job(view), 202, Location=job_address(view.id))


def _submit() -> JobView:
    if request.mimetype == "application/json":
        return submit_json(request.get_data(cache=False), services=services(), tenant=tenant())
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(
            "Send a job as multipart/form-data with its files, or as application/json."
        )
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise MalformedRequest("The Content-Type of the form data names no boundary.")
    settings = services().settings
    # Beyond the limit on JSON bodies: what bounds an upload are its photos, and they are counted.
    most = settings.max_photo_bytes * (settings.max_album_photos + 1)
    request.max_content_length = most + settings.max_archive_bytes
    parts = read_parts(
        request.stream,
        boundary,
        max_file_bytes=settings.max_photo_bytes,
        archives=ARCHIVES,
        max_archive_bytes=settings.max_archive_bytes,
    )
    return submit_upload(parts, services=services(), tenant=tenant())
