"""The Python client against the app: over a socket, and against a service that comes and goes."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from impasto_client import Client, ClientError, Item, ItemState, JobState, ServiceUnreachable
from impasto_client.documents import read_document
from impasto_client.upload_body import UploadBody, UploadFile
from tests.fakes.services import STYLE, World
from tests.unit.api.trainings import PAINTING

Handler = Callable[[httpx2.Request], httpx2.Response]


def client_of(handler: Handler, url: str = "http://impasto.example") -> Client:
    return Client(url, transport=httpx2.MockTransport(handler), sleep=lambda _: None)


def item(**changes: object) -> Item:
    known = {"index": 0, "name": "a.jpg", "state": ItemState.DONE, "result": "/v1/jobs/j/results/0"}
    unknown = dict.fromkeys(("width", "height", "bytes", "seconds", "result_name", "error"))
    return read_document(Item, {**unknown, **known, **changes})


@pytest.fixture
def album(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("sea.jpg", 'quo"te.png', "Übung.webp"):
        (folder / name).write_bytes(b"\xff\xd8\xff" + name.encode() * 100)
    return sorted(folder.iterdir())


def test_album_goes_there_and_back(service: str, album: list[Path], tmp_path: Path) -> None:
    sent: list[int] = []
    with Client(service) as client:
        job = client.submit(
            album, style=STYLE, strength=0.5, stroke="proportional", sent=sent.append
        )
        states = [seen.state for seen in client.watch(job.id)]
        items = list(client.items(job.id))
        paths = [client.download(item, tmp_path / "out") for item in items]
    assert states[-1] is JobState.SUCCEEDED
    assert (job.strength, job.stroke) == (0.5, "proportional")
    assert sum(sent) == sum(path.stat().st_size for path in album)
    assert [path.read_bytes() for path in paths] == [
        f"painted {item.name}".encode() for item in items
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in paths
    )


def test_photos_arrive_byte_for_byte(service: str, album: list[Path], world: World) -> None:
    with Client(service) as client:
        client.submit(album, style=STYLE)
    stored = [body for key, body in world.objects.objects.items() if "/uploads/" in key]
    assert stored == [path.read_bytes() for path in album]


def test_stored_photos_are_submitted_by_prefix(service: str, world: World) -> None:
    world.objects.put("trip/1.jpg", b"1")
    with Client(service) as client:
        job = client.submit_stored({"prefix": "trip/"}, style=STYLE)
        assert client.jobs()[0].id == job.id
        assert client.cancel(job.id).state.terminal


def test_painting_is_sent_with_every_wish(service: str, album: list[Path], world: World) -> None:
    sent: list[int] = []
    with Client(service) as client:
        job = client.submit_training(
            album[0],
            style="night",
            previews=album[1:],
            schedule="0.1:5,1:5",
            adaptive=True,
            seed=9,
            title=None,
            sent=sent.append,
        )
        *_, last = client.watch(job.id)
        assert [stage.ratio for stage in client.stages("night")] == [0.1, 1.0]
    assert last.state is JobState.SUCCEEDED
    assert last.training is not None
    assert [stage.stage for stage in last.training.published] == [0, 1]
    assert sum(sent) == sum(path.stat().st_size for path in album)
    record = world.records.load(job.id)
    assert record is not None
    config = record.spec.training_config
    assert (config.adaptive, config.seed, config.title) == (True, 9, "night")
    assert world.objects.get(config.painting.key) == album[0].read_bytes()
    assert [world.objects.get(key) for key in config.previews] == [
        path.read_bytes() for path in album[1:]
    ]


def test_stored_painting_is_submitted_by_its_key(service: str, world: World) -> None:
    world.objects.put("night.jpg", PAINTING)
    with Client(service) as client:
        (corpus,) = client.corpora()
        assert client.starter_corpus() is not None
        job = client.submit_stored_training(
            "night.jpg", style="night", previews=["night.jpg"], corpus=corpus.name, seed=2
        )
        *_, last = client.watch(job.id)
    assert (corpus.photos, last.state) == (300, JobState.SUCCEEDED)


def test_files_of_a_style_are_saved_whole(service: str, tmp_path: Path) -> None:
    with Client(service) as client:
        address = client.style(STYLE).links.losses_svg
        path = client.save(address, tmp_path / "new" / "chart.svg")
    assert path.read_bytes() == b"losses.svg"


def test_problem_becomes_an_error_that_says_what_to_do(service: str) -> None:
    with Client(service) as client, pytest.raises(ClientError, match="water-lilies") as caught:
        client.style("cubism")
    assert (caught.value.type, caught.value.status) == ("style-missing", 404)


def test_nobody_at_the_address_has_an_error_of_its_own() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ServiceUnreachable) as caught:
        client.styles()
    assert caught.value.status == 0


def test_other_service_is_recognised() -> None:
    client = client_of(lambda _: httpx2.Response(200, text="<html>"))
    with pytest.raises(ClientError, match="is not Impasto"):
        client.styles()


def test_answer_without_a_problem_still_says_its_status() -> None:
    client = client_of(lambda _: httpx2.Response(404, text="<html>"))
    with pytest.raises(ClientError, match="HTTP 404"):
        client.styles()


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://x.example", "http://a\nb"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="no service's address"):
        Client(url)


@pytest.mark.parametrize("key", ["a\nSECRET", "SÉCRET", "SECRET\x7f", "SECRET\udcff"])
def test_key_that_no_header_can_carry_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ClientError, match="IMPASTO_API_KEY") as caught:
        Client("http://impasto.example", key)
    assert "CRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_host_that_is_none_is_refused(host: str) -> None:
    with Client(f"http://{host}") as client, pytest.raises(ClientError, match="no address"):
        client.styles()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy", ["::bad::", "nonsense://", "http://u:SECRET@proxy:port", "socks9://u:SECRET@proxy"]
)
def test_proxy_that_is_none_is_refused_without_its_password(
    variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(ClientError, match="HTTP_PROXY") as caught:
        Client("http://impasto.example")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_no_proxy_leads_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://")
    Client("http://127.0.0.1:9").close()


def test_watching_bears_a_service_that_is_away_for_a_while() -> None:
    answers: list[Exception | httpx2.Response] = [
        httpx2.ConnectError("refused"),
        httpx2.Response(503, json={"detail": "Redis cannot be used now."}),
        httpx2.Response(404, json={"type": "urn:impasto:problem:job-missing", "detail": "Gone."}),
    ]

    def handle(_: httpx2.Request) -> httpx2.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ClientError, match="Gone") as caught:
        list(client_of(handle).watch("j"))
    assert (caught.value.type, answers) == ("job-missing", [])


def test_submission_is_never_sent_twice(album: list[Path]) -> None:
    methods: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        methods.append(request.method)
        raise httpx2.ReadTimeout("no answer")

    with pytest.raises(ServiceUnreachable):
        client_of(handle).submit(album, style=STYLE)
    assert methods == ["POST"]


def test_download_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    class Broken(httpx2.SyncByteStream):
        def __iter__(self):  # noqa: ANN204
            yield b"half"
            raise httpx2.DecodingError("cut")

    client = client_of(lambda _: httpx2.Response(200, stream=Broken()))
    with pytest.raises(httpx2.DecodingError):
        client.download(item(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_result_names_of_the_service_stay_inside_the_folder(tmp_path: Path) -> None:
    client = client_of(lambda _: httpx2.Response(200, content=b"x"))
    path = client.download(item(result_name="../../evil.sh"), tmp_path)
    assert path == tmp_path / "evil.sh"


@pytest.mark.parametrize("address", ["http://evil.example/x", "//evil.example/x"])
def test_key_is_never_taken_to_another_server(address: str, tmp_path: Path) -> None:
    client = client_of(lambda _: pytest.fail("was asked"))
    with pytest.raises(ClientError, match="not its own"):
        client.download(item(result=address), tmp_path)


@pytest.mark.parametrize(
    "job", ["../styles", "a b?c#d", "a%2Fb", "a\x01b", "\udcff", "", ".", ".."]
)
def test_what_is_no_id_is_no_job(job: str, service: str) -> None:
    """Whatever it is made of, it leads to no other address."""
    with Client(service) as client:
        for ask in (
            client.job,
            client.cancel,
            client.retry,
            lambda job: list(client.items(job)),
            lambda job: client.page(job, start=0),
        ):
            with pytest.raises(ClientError, match="No job") as caught:
                ask(job)
            assert caught.value.type == "job-missing"


def test_name_that_is_no_text_is_no_style(service: str) -> None:
    with Client(service) as client:
        for ask in (client.style, client.stages):
            with pytest.raises(ClientError) as caught:
                ask("\udcff")
            assert caught.value.type == "style-missing"


def test_field_that_is_no_text_is_never_sent(album: list[Path]) -> None:
    client = client_of(lambda _: pytest.fail("was asked"))
    with pytest.raises(ClientError, match=r"x\\udcff"):
        client.submit_training(album[0], style="night", title="x\udcff")
    with pytest.raises(ClientError, match="udcff"):
        client.submit(album, style="\udcff")


def test_key_goes_with_every_request() -> None:
    seen: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(200, content=json.dumps({"styles": []}))

    Client("http://x.example", "s3cret", transport=httpx2.MockTransport(handle)).styles()
    assert seen == ["Bearer s3cret"]


def test_only_one_photo_is_open_at_a_time(tmp_path: Path) -> None:
    """Ten thousand photos are no more than the first that cannot be read."""
    first = tmp_path / "1.jpg"
    first.write_bytes(b"1")
    files = [UploadFile("photos", first), UploadFile("photos", tmp_path / "gone.jpg")]
    body = iter(UploadBody({}, files))
    with pytest.raises(FileNotFoundError):
        list(body)
