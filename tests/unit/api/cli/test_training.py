"""Styles learnt from the command line, against the app."""

import json
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app
from api.cli.progress import measured, note
from api.cli.training import StageAnnouncer
from api.cli.watch import see_training
from impasto_client import Client, Counts, Job, to_json
from impasto_client.documents import read_document
from infra.jobs.domain.model import Problem
from tests.fakes.services import CORPUS, STYLE, World
from tests.unit.api.client.test_client import client_of
from tests.unit.api.trainings import PAINTING

SCHEDULE = "0.1:10,1.5:20"


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "night.jpg"
    path.write_bytes(PAINTING)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def train(painting: Path, service: str, *options: str) -> Result:
    return run(
        *("train", str(painting), "--name", "night", "--schedule", SCHEDULE),
        *("--url", service, *options),
    )


def training(**changes: object) -> Job:
    """A training job as the service answers it."""
    stand = {
        "stage": 1,
        "stages": 3,
        "iteration": 5,
        "iterations": 9,
        "ratio": 1.5,
        "images_per_second": None,
        "content": None,
        "style": None,
        "note": None,
        "published": [],
        **changes,
    }
    return read_document(
        Job,
        {
            **{"id": "j", "kind": "train", "state": "running", "style": "night", "strength": 1},
            **{"counts": {"total": 3, "done": 0, "failed": 0}, "progress": 0.5},
            **{"eta_seconds": 9, "created": "2026-01-01T00:00:00Z", "started": None},
            **{"finished": None, "error": None, "training": stand},
            "links": {"self": "/v1/jobs/j", "cancel": "/c", "style": "/s"},
        },
    )


def test_painting_becomes_a_style(service: str, painting: Path, world: World) -> None:
    result = train(painting, service, "--title", "Night", "--seed", "7", "--profile", "quick")
    assert result.exit_code == 0, result.output
    assert "1.5" in result.stdout
    assert "impasto stylize PHOTOS --style night" in result.stdout
    assert f"{service}/v1/styles/night/contact-sheet.jpg" in result.stdout
    with Client(service) as client:
        assert [stage.ratio for stage in client.stages("night")] == [0.1, 1.5]
        job = client.jobs()[0]
    record = world.records.load(job.id)
    assert record is not None
    config = record.spec.training_config
    assert (config.title, config.seed, config.profile, config.corpus) == (
        "Night",
        7,
        "quick",
        CORPUS,
    )


def test_each_stage_is_announced_with_the_command_to_try_it(service: str, painting: Path) -> None:
    message = train(painting, service).stderr
    for words in ("Stage 0, ratio 0.1, can be used", "Stage 1, ratio 1.5, can be used"):
        assert message.count(words) == 1
    assert message.count("went back to stage 0") == 1


def test_preview_photos_go_along(service: str, painting: Path, world: World) -> None:
    photo = painting.with_name("me.jpg")
    photo.write_bytes(b"me")
    result = train(painting, service, "--preview", str(photo), "--preview", str(photo))
    assert result.exit_code == 0
    sent = [body for key, body in world.objects.objects.items() if "/uploads/" in key]
    assert sent == [b"me", b"me"]


def test_training_need_not_be_watched(service: str, painting: Path, world: World) -> None:
    result = train(painting, service, "--no-watch")
    with Client(service) as client:
        job = client.jobs()[0]
    assert result.exit_code == 0
    assert f"impasto watch {job.id}" in result.stdout
    assert json.loads(train(painting, service, "--no-watch", "--json", "--name", "b").stdout)[
        "kind"
    ] == ("train")


def test_answer_for_scripts_is_json_and_nothing_else(service: str, painting: Path) -> None:
    result = train(painting, service, "--json")
    answer = json.loads(result.stdout)
    assert answer["job"]["state"] == "succeeded"
    assert [stage["strength"] for stage in answer["stages"]] == [0.0, 1.0]
    assert result.stderr == ""


def test_watch_knows_a_training_and_fetches_its_pictures(
    service: str, painting: Path, tmp_path: Path
) -> None:
    with Client(service) as client:
        job = client.submit_training(painting, style="night", schedule=SCHEDULE)
    out = tmp_path / "pictures"
    result = run("watch", job.id, "--out", str(out), "--url", service)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "contact-sheet.jpg",
        "history.jsonl",
        "losses.png",
        "losses.svg",
    ]
    assert str(out / "losses.svg") in result.stdout


def test_pictures_that_cannot_be_written_are_reported_with_their_job(
    service: str, painting: Path, tmp_path: Path
) -> None:
    with Client(service) as client:
        job = client.submit_training(painting, style="night", schedule=SCHEDULE)
    out = tmp_path / "gone"
    out.symlink_to(tmp_path / "nowhere" / "else")
    result = run("watch", job.id, "--out", str(out), "--json", "--url", service)
    assert result.exit_code == 2
    assert f"impasto watch {job.id} --out" in result.stderr
    assert result.stderr.count("\n") == 1


def test_jobs_and_styles_show_trainings_as_what_they_are(service: str, painting: Path) -> None:
    train(painting, service)
    assert "2/2 stages" in run("jobs", "--url", service).stdout
    assert "0.1 1.5" in run("styles", "--url", service).stdout


def test_training_that_fails_says_why_and_exits_with_1(
    service: str, painting: Path, tmp_path: Path, world: World
) -> None:
    def fail(*, until: int | None = None) -> None:
        while world.notifier.training_messages:
            claim = world.jobs.trainings.claim(
                world.notifier.training_messages.pop(0)[0], "trainer"
            )
            assert claim is not None
            error = Problem(type="loss-weights-missing", detail="Put vgg19.pth there.")
            world.jobs.trainings.fail(claim, error)

    world.learn = fail
    result = train(painting, service)
    assert result.exit_code == 1
    assert "loss-weights-missing" in result.stderr
    assert "Put vgg19.pth there." in result.stderr
    with Client(service) as client:
        job = client.jobs()[0]
    again = run("watch", job.id, "--out", str(tmp_path / "out"), "--url", service)
    assert (again.exit_code, again.stdout) == (1, "")


def test_wrong_use_is_one_line_and_exit_code_2(service: str, painting: Path) -> None:
    for options, line in (
        (["--name", STYLE], "called 'water-lilies' already"),
        (["--name", "Night"], "/style"),
        (["--loss-network", "vgg99"], "vgg19"),
        (["--schedule", "4:1,1:1"], "must rise"),
        (["--corpus", "nowhere"], CORPUS),
        (["--preview", str(painting.with_name("gone.jpg"))], "gone.jpg"),
    ):
        result = train(painting, service, *options)
        assert result.exit_code == 2, result.output
        assert line in result.stderr
        assert len([row for row in result.stderr.splitlines() if row.startswith("impasto:")]) == 1
    assert run("train", str(painting.parent), "--name", "x", "--url", service).exit_code == 2


def test_interrupted_watch_leaves_the_job_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C ends the watching; nothing is sent to the service."""
    methods: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        methods.append(request.method)
        if len(methods) > 2:
            raise KeyboardInterrupt
        return httpx2.Response(200, content=json.dumps(to_json(training())))

    with pytest.raises(SystemExit) as ended:
        see_training(client_of(handle), "j", None, as_json=False)
    assert ended.value.code == 130
    assert methods == ["GET"] * 3
    assert "impasto watch j; impasto cancel j" in capsys.readouterr().err


def test_announcer_says_each_thing_once() -> None:
    lines: list[str] = []
    announcer = StageAnnouncer(lines.append)
    one, two = ({"stage": n, "ratio": ratio} for n, ratio in ((0, 0.1), (1, 1.5)))
    for job in (
        training(),
        training(published=[one]),
        training(published=[one], note="went back"),
        training(published=[one, two], note="went back"),
        training(published=[one, two]),
    ):
        announcer.announce(job)
    assert [line.partition(":")[0] for line in lines] == [
        "Stage 0, ratio 0.1, can be used",
        "went back",
        "Stage 1, ratio 1.5, can be used",
    ]


def test_progress_says_only_what_was_measured() -> None:
    assert measured(None) == []
    assert measured(training().training) == []
    stand = training(images_per_second=12.46, content=0.4101, style=0.0).training
    assert measured(stand) == ["12.5 images/s", "content 0.410", "style 0.000"]


def test_help_explains_what_a_strength_is() -> None:
    assert "through its stages" in " ".join(run("stylize", "--help").stdout.split())
    assert "impasto train starry-night.jpg" in run("train", "--help").stdout


def test_time_left_is_never_nothing_at_all() -> None:
    """After the last iteration come pictures, and the last photo may be the largest."""
    assert note(training()) == "running, 9 s left"
    assert note(replace(training(), eta_seconds=0.2)) == "running, the last iterations"
    over = replace(training(iteration=9), eta_seconds=None)
    assert note(over) == "running, publishing the last stage"
    album = replace(training(), kind="stylize", training=None, eta_seconds=0.4)
    assert note(replace(album, counts=Counts(total=9, done=7, failed=1))) == (
        "running, 1 failed, 1 photo left"
    )
    assert note(replace(album, counts=Counts(total=9, done=7, failed=0))) == (
        "running, 2 photos left"
    )


def test_training_that_never_began_has_no_stages_done(
    service: str, painting: Path, world: World
) -> None:
    def fail(*, until: int | None = None) -> None:
        while world.notifier.training_messages:
            job = world.notifier.training_messages.pop(0)[0]
            claim = world.jobs.trainings.claim(job, "trainer")
            assert claim is not None
            world.jobs.trainings.fail(claim, Problem(type="x", detail="It cannot be."))

    world.learn = fail
    assert train(painting, service).exit_code == 1
    (line,) = [
        line for line in run("jobs", "--url", service).stdout.splitlines() if "night" in line
    ]
    assert "0/2 stages" in line
    assert line.split()[-1] == "failed"
