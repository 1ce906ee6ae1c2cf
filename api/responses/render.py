"""From the views of the job service to the JSON of the API."""

from typing import Any

from flask import Response
from pydantic import BaseModel

from api.responses.addresses import STYLE_FILES, job_address, style_address
from api.schemas import jobs as schemas
from api.schemas.base import timestamp
from api.schemas.training import PublishedStage, Training
from infra.catalogue.style import StyleShare
from infra.corpus import shown_corpus
from infra.jobs.domain.model import Problem
from infra.jobs.views import ItemState, ItemView, JobView


def json_response(body: BaseModel, status: int = 200, **headers: str) -> Response:
    """Return a model as the response."""
    text = body.model_dump_json()
    return Response(text, status=status, headers=headers, content_type="application/json")


def job(view: JobView) -> schemas.Job:
    """Render a job."""
    return schemas.Job(
        id=view.id,
        kind=view.kind,
        state=view.state,
        style=view.style,
        strength=view.strength,
        blend=_share(view.mixed_with),
        stroke=view.stroke,
        metadata=view.metadata,
        format=view.format,
        counts=schemas.Counts(total=view.total, done=view.done, failed=view.failed),
        progress=view.progress,
        eta_seconds=view.eta_seconds,
        created=timestamp(view.created),
        started=None if view.started is None else timestamp(view.started),
        finished=None if view.finished is None else timestamp(view.finished),
        expires_at=None if view.expires is None else timestamp(view.expires),
        retry_of=view.retry_of,
        note=view.note,
        error=reason(view.error),
        training=_training(view),
        links=schemas.JobLinks.model_validate(_links(view)),
    )


def item(job_id: str, view: ItemView) -> schemas.Item:
    """Render one photo of a job."""
    done = view.state is ItemState.DONE
    return schemas.Item(
        index=view.index,
        name=view.name,
        source=view.source,
        modified=None if view.modified is None else timestamp(view.modified),
        state=view.state,
        result=f"{job_address(job_id)}/results/{view.index}" if done else None,
        result_path=view.result_path,
        **_outcome(view),
    )


def _training(view: JobView) -> Training | None:
    """Render the progress of a training; before its first report it is at its first stage."""
    config, now = view.training_config, view.training
    if config is None:
        return None
    stage = min(now.stage, len(config.stages) - 1) if now else 0
    measured = ("images_per_second", "content", "style", "note")
    return Training(
        stage=stage,
        stages=len(config.stages),
        iteration=now.iteration if now else 0,
        iterations=now.iteration_total if now else config.iterations,
        ratio=config.stages[stage][0],
        loss_network=config.loss_network,
        schedule=str(config.schedule),
        corpus=shown_corpus(config.corpus),
        corpus_photos=config.corpus_photos,
        published=[PublishedStage(stage=n, ratio=config.stages[n][0]) for n in view.published],
        **{name: getattr(now, name, None) for name in measured},
    )


def _share(other: StyleShare | None) -> schemas.StyleShare | None:
    return None if other is None else schemas.StyleShare(style=other.style, share=other.share)


def _links(view: JobView) -> dict[str, str]:
    address = job_address(view.id)
    links = {
        "self": address,
        "cancel": f"{address}/cancel",
        "style": style_address(view.style),
    }
    if view.kind == "stylize":
        own = {name: f"{address}/{name}" for name in ("items", "retry")}
        own["results_zip"] = f"{address}/results.zip"
    else:
        names = ("stages", "previews", "contact_sheet", "losses_svg", "losses_png", "history")
        own = {name: style_address(view.style, STYLE_FILES[name]) for name in names}
    return links | own


def _outcome(view: ItemView) -> dict[str, Any]:
    names = ("width", "height", "bytes", "seconds", "result_name", "note")
    if view.outcome is None:
        return {**dict.fromkeys(names), "error": None}
    known = {name: getattr(view.outcome, name) for name in names}
    return {**known, "error": reason(view.outcome.error)}


def reason(problem: Problem | None) -> schemas.Reason | None:
    """Render why something failed; None where it did not."""
    return None if problem is None else schemas.Reason(type=problem.type, detail=problem.detail)
