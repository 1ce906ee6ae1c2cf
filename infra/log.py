"""Logs: one JSON object a line on stderr, the same from our code, Celery and gunicorn."""

import logging.config
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import EventDict, Processor

#: What stands in the place of a secret.
HIDDEN = "***"

#: Field names whose values are secrets. `key` and `token` alone are not: object keys and fencing
#: tokens are what the logs are read for.
_SECRET_FIELD = re.compile(
    r"password|passwd|secret|credential|authorization|cookie|(api|access|private)[-_]?key",
    re.IGNORECASE,
)

#: Secrets inside texts: the password of a URL, the signature of a presigned one, a bearer header.
_SECRET_TEXT = re.compile(
    r"(?<=://)[^/\s@]*:[^/\s@]+(?=@)"
    r"|(?<=X-Amz-Signature=)[^&\s\"']+"
    r"|(?<=Bearer )[^\s\"']+",
    re.IGNORECASE,
)

#: Loggers whose owners give them handlers of their own; their lines go to the root's instead.
_TAKEN_OVER = ("celery", "celery.task", "celery.redirected", "gunicorn.error")

#: Loggers with a line for every request, some with its signature; only their warnings are shown.
_QUIET = ("boto3", "botocore", "s3transfer", "urllib3", "gunicorn.access")


def configure_logging(level: str, process: str) -> None:
    """Send every log line of this process to stderr as JSON, from `level` (a name) upwards.

    `process` names this part of Impasto: api, worker, trainer, cli. Safe to call again.
    Raises ValueError for an unknown level.
    """
    logging.config.dictConfig(log_config(level, process))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_enrichers(process), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def log_config(level: str, process: str) -> dict[str, Any]:
    """The same as a `logging.config` dictionary, for servers that configure logging themselves."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*_enrichers(process), structlog.stdlib.ExtraAdder()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            **{name: {"handlers": [], "propagate": True} for name in _TAKEN_OVER},
            **{name: {"level": "WARNING"} for name in _QUIET},
        },
    }


def _enrichers(process: str) -> list[Processor]:
    """Return the processors that add a time, a level and so on to every line, whoever wrote it."""

    def add_process(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
    ]


def hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Structlog processor: replace values of secret fields, and secrets inside texts."""
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: object) -> object:
    if _SECRET_FIELD.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return {str(inner): _hidden(str(inner), item) for inner, item in mapping.items()}
    if isinstance(value, list | tuple):
        return [_hidden(name, item) for item in cast("list[object] | tuple[object, ...]", value)]
    return value
