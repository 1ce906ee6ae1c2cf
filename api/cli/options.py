"""Arguments and options of the commands, each with its help text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from impasto_client import FormatChoice, MetadataChoice, Stroke
from impasto_client.options import LOSS_NETWORKS, PROFILES, SCHEDULES


def _either(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of the service. Default: IMPASTO_URL, else the stack of `impasto up`.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, from `impasto jobs`.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Fetch the results into this folder.", show_default=False),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files of the same name. Without it they stay, a result that differs gets a "
        "new name, and one that is the same is left as it is.",
    ),
]

Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port of the API; 0 picks a free one.")
]
DataFolder = Annotated[
    Path | None, typer.Option(help="Folder that keeps everything. Default: .impasto")
]
Photos = Annotated[
    list[Path], typer.Argument(metavar="PHOTOS", help="Photos, folders or ZIP files of photos.")
]
StyleName = Annotated[str, typer.Option(help="Name of the style, from `impasto styles`.")]
PaintingsFolder = Annotated[Path, typer.Option(help="Folder for the paintings.")]
Strength = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="How strong the style is: a point on the way through its stages, which "
        "`impasto styles` lists. 0 is the photo itself; 1 its last stage; between two stages "
        "lies a mixture of both. Styles of 0.1.0 begin at their first stage, nearly the photo.",
    ),
]
Blend = Annotated[
    str | None,
    typer.Option(
        metavar="NAME:SHARE",
        help="Mix another style in: great-wave:0.3 is three parts of it in ten. Both styles "
        "must have been trained from the same net.",
    ),
]
StrokeSize = Annotated[
    Stroke,
    typer.Option(
        help="Size of the strokes: native is one size in pixels, the finer the larger the "
        "photo; proportional is one share of every photo, so that a preview and the full "
        "size look alike.",
    ),
]
Metadata = Annotated[
    MetadataChoice,
    typer.Option(
        help="What paintings carry of their photos' metadata: none; keep-safe (date, copyright, "
        "artist, resolution; never a place or a serial number); or all.",
    ),
]
ResultFormat = Annotated[
    FormatChoice,
    typer.Option(
        "--format",
        help="What paintings are written in: auto is the photo's own where that is JPEG, PNG or "
        "WebP, JPEG for HEIC and AVIF, PNG for the others; own is the same with AVIF as AVIF; or "
        "one for all.",
    ),
]
PaintingFile = Annotated[Path, typer.Argument(metavar="PAINTING", help="Picture of the painting.")]
NewStyleName = Annotated[
    str | None,
    typer.Option(
        help="Name of the new style: a-z, 0-9 and hyphens. Default: the painting's file name."
    ),
]
Title = Annotated[str | None, typer.Option(help="What the painting is called.")]
Licence = Annotated[str | None, typer.Option(help="Terms of the style.")]
ProfileName = Annotated[str | None, typer.Option(help=f"{_either(PROFILES)}.")]
ScheduleText = Annotated[
    str | None,
    typer.Option(
        help=f"{_either(SCHEDULES)}; or stages as RATIO:ITERATIONS,… with rising ratios of "
        "style to content, such as 0.02:900,0.4:400,4:600."
    ),
]
Adaptive = Annotated[bool, typer.Option(help="Go on to the next stage as soon as one has settled.")]
CorpusName = Annotated[
    str | None,
    typer.Option(
        help="Photos to learn on, from `impasto corpus list`. Default: your only corpus, else "
        "starter, the photos that come with Impasto."
    ),
]
LossNetworkName = Annotated[str | None, typer.Option(help=f"{_either(LOSS_NETWORKS)}.")]
Seed = Annotated[int | None, typer.Option(help="Decides first weights and crops.")]
Previews = Annotated[
    list[Path] | None,
    typer.Option(metavar="PHOTO", help="A photo to show each stage on; may be given 8 times."),
]
WatchIt = Annotated[bool, typer.Option(help="Watch it to its end.")]
JobLimit = Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")]
Repair = Annotated[
    bool,
    typer.Option("--repair", help="Put right what can be without any risk, and look again."),
]
