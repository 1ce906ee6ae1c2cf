"""Behind a proxy that offers the service below a path: every address in an answer leads back."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import Client as WsgiClient

from api.app import create_app
from impasto_client import Client
from infra.errors import InvalidSettings
from infra.settings import Settings, load_settings
from tests.fakes.services import STYLE, World
from tests.unit.api.requests import photos

PREFIX = "/art/impasto"


class Proxy:
    """A proxy that takes the prefix off the path, and tells it in a header or does not."""

    def __init__(self, world: World, *, strips: bool = True, tells: bool = True) -> None:
        self._app = create_app(world.services())
        self._strips = strips
        self._tells = tells

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:  # noqa: ANN401
        path = environ["PATH_INFO"]
        assert path.startswith(f"{PREFIX}/"), path
        environ.setdefault("REMOTE_ADDR", "127.0.0.1")
        if self._strips:
            environ["PATH_INFO"] = path.removeprefix(PREFIX)
        if self._tells:
            environ["HTTP_X_FORWARDED_PREFIX"] = PREFIX
        return self._app(environ, start_response)


WAYS = {
    "header": ({}, {}),
    "setting": ({"path_prefix": f"{PREFIX}/"}, {"tells": False}),
    "both": ({"path_prefix": PREFIX}, {}),
    "setting, path as it came": ({"path_prefix": PREFIX}, {"strips": False, "tells": False}),
}


def addresses(text: str) -> set[str]:
    """The addresses of the service in a JSON text."""
    return set(re.findall(r'"(/[^"]*)"', text)) - {"/"}


@pytest.mark.parametrize("way", WAYS)
def test_location_and_links_begin_with_the_prefix_and_lead_back(way: str) -> None:
    settings, how = WAYS[way]
    world = World(settings=Settings.model_validate(settings))
    client = WsgiClient(Proxy(world, **how))
    data = {"style": STYLE, "photos": photos("a.jpg", "b.jpg")}
    answer = client.post(f"{PREFIX}/v1/jobs", data=data)
    location = answer.headers["Location"]
    assert location.startswith(f"{PREFIX}/v1/jobs/")
    world.work(world.paint)
    texts = [answer.text]
    for address in (f"{PREFIX}/", location, f"{location}/items?limit=1", f"{PREFIX}/v1/styles"):
        texts.append(client.get(address).text)
    texts.append(client.get(f"{PREFIX}/v1/jobs?limit=1").text)
    named = set().union(*map(addresses, texts))
    assert len(named) > 15
    assert all(address.startswith(f"{PREFIX}/") for address in named), named
    assert client.get(f"{location}/results/0").data == b"painted a.jpg"
    routes = create_app(world.services()).url_map.bind("localhost")
    for address in named:
        path = address.removeprefix(PREFIX).partition("?")[0]
        assert routes.test(path, "GET") or routes.test(path, "POST"), address
    document = client.get(f"{PREFIX}/openapi/openapi.json").get_json()
    assert document["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("value", ["//evil.example", "/a/../b", "http://x", "a", "/a b", "/./x"])
def test_header_that_is_no_path_means_nothing(client: FlaskClient, value: str) -> None:
    answer = client.get("/", headers={"X-Forwarded-Prefix": value})
    assert answer.get_json()["links"]["jobs"] == "/v1/jobs"


def test_prefix_that_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_PATH_PREFIX", "impasto")
    with pytest.raises(InvalidSettings, match="a path such as /impasto"):
        load_settings()


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def offered(request: pytest.FixtureRequest, quiet_log: None, world: World) -> Iterator[str]:
    """A service below a prefix that knows of it, and one that does not; yields its address."""
    proxy = Proxy(world, tells=cast("bool", request.param))
    server = make_server("127.0.0.1", 0, proxy, threaded=True)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    yield f"http://127.0.0.1:{server.port}{PREFIX}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_client_finds_its_way_below_a_prefix(offered: str, world: World, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a")
    with Client(offered) as client:
        job = client.submit([photo], style=STYLE)
        world.work(world.paint)
        (item,) = client.items(job.id)
        path = client.download(item, tmp_path / "out")
        assert path.read_bytes() == b"painted a.jpg"
        assert client.location(job.links.self) == f"{offered}v1/jobs/{job.id}"
