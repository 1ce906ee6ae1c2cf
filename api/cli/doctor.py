"""`impasto doctor`: examines a deployment and lists findings with advice."""

import sys
from collections.abc import Sequence
from typing import Any

import structlog
import typer

from api.cli.service import FAILED, fail
from api.cli.tables import print_json, show_findings
from infra.doctor import Examined, examine
from infra.errors import ImpastoError
from infra.settings import load_settings
from infra.stack.attach import attach_all


def run_doctor(*, repair: bool, as_json: bool, url: str | None) -> None:
    """Examine the deployment at `url` or of the settings; exits with FAILED if findings stay."""
    # What a sweep logs is no part of the answer.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        found = examine(attach_all(load_settings(), url), repair=repair)
    except (ImpastoError, OSError) as error:
        fail(str(error))
    left = [item for item in found if not item.repaired]
    if as_json:
        print_json({"healthy": not left, "findings": [_document(item) for item in found]})
    else:
        _answer(found, left)
    if left:
        raise SystemExit(FAILED)


def _answer(found: Sequence[Examined], left: Sequence[Examined]) -> None:
    if not found:
        typer.echo("Redis, S3, workers and jobs are well.")
        return
    show_findings(found)
    if len(left) < len(found):
        typer.echo(f"\n{len(found) - len(left)} of {len(found)} findings are repaired.")


def _document(item: Examined) -> dict[str, Any]:
    finding = item.finding
    return {
        "check": finding.check,
        "part": finding.part,
        "detail": finding.detail,
        "advice": finding.advice,
        "repairable": finding.repair is not None,
        "repaired": item.repaired,
    }
