"""The Python client of an Impasto service."""

from .client import Client
from .connection import ClientError, ServiceUnreachable
from .documents import to_json
from .formats import Formats, Limits, PhotoFormat, RefusedFormat
from .jobs import (
    Counts,
    Item,
    ItemState,
    Job,
    JobLinks,
    JobState,
    PublishedStage,
    Reason,
    StyleShare,
    Training,
)
from .options import FormatChoice, JobKind, MetadataChoice, Stroke, TrainingOptions
from .previews.documents import (
    PreviewLinks,
    PreviewPicture,
    PreviewSheet,
    PreviewState,
    StylePreview,
)
from .style_files import pack_style
from .styles import (
    Corpus,
    Distances,
    StageDetail,
    StageSummary,
    Style,
    StyleLinks,
    StyleWithCard,
    Visibility,
)

__all__ = [
    "Client",
    "ClientError",
    "Corpus",
    "Counts",
    "Distances",
    "FormatChoice",
    "Formats",
    "Item",
    "ItemState",
    "Job",
    "JobKind",
    "JobLinks",
    "JobState",
    "Limits",
    "MetadataChoice",
    "PhotoFormat",
    "PreviewLinks",
    "PreviewPicture",
    "PreviewSheet",
    "PreviewState",
    "PublishedStage",
    "Reason",
    "RefusedFormat",
    "ServiceUnreachable",
    "StageDetail",
    "StageSummary",
    "Stroke",
    "Style",
    "StyleLinks",
    "StylePreview",
    "StyleShare",
    "StyleWithCard",
    "Training",
    "TrainingOptions",
    "Visibility",
    "pack_style",
    "to_json",
]
