"""What a stack runs, as a consequence of its settings."""

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.errors import InvalidSettings
from infra.settings import Settings
from infra.stack import StackRefused
from infra.stack.credentials import Credentials, keep_credentials
from infra.stack.environment import program_environment, settings_environment
from infra.stack.folder import DataFolder
from infra.stack.ports import LOOPBACK, free_port
from infra.stack.programs import Plan, make_plan
from infra.stack.supervision import configuration


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """An empty data folder."""
    return DataFolder.prepare(tmp_path / "data")


@pytest.fixture
def credentials(folder: DataFolder) -> Credentials:
    """Fresh ones."""
    return keep_credentials(folder.run / "credentials.json")


def _names(plan: Plan) -> list[str]:
    return [program.name for program in plan.programs]


def test_by_default_everything_is_embedded(folder: DataFolder, credentials: Credentials) -> None:
    """Servers start first and stop last; the settings name their addresses and keys."""
    plan = make_plan(Settings(data=folder.root, port=0), folder, credentials)
    by_priority = sorted(plan.programs, key=lambda program: program.priority)
    names = [program.name for program in by_priority if program.name != "trainer"]
    assert names == ["redis", "s3", "api", "worker"]
    settings = plan.settings
    assert settings.redis_url is not None
    assert str(plan.ports["redis"]) in settings.redis_url.get_secret_value()
    assert settings.s3_endpoint == f"http://127.0.0.1:{plan.ports['s3']}"
    assert settings.url == f"http://127.0.0.1:{plan.ports['api']}"


def test_large_photos_find_room_in_the_data_folder_unless_the_settings_name_another(
    folder: DataFolder, credentials: Credentials, tmp_path: Path
) -> None:
    """The system's temporary folder is memory in many places."""
    plan = make_plan(Settings(data=folder.root, port=0), folder, credentials)
    assert plan.settings.scratch == folder.scratch
    assert folder.scratch.is_dir()
    named = Settings(data=folder.root, port=0, scratch=tmp_path)
    assert make_plan(named, folder, credentials).settings.scratch == tmp_path


def test_a_server_that_the_settings_name_is_not_started(
    folder: DataFolder, credentials: Credentials
) -> None:
    """Each embedded server can be replaced by a real one."""
    settings = Settings(
        data=folder.root,
        port=0,
        redis_url=SecretStr("rediss://cache.example:6380/0"),
        s3_endpoint="https://s3.example",
        s3_access_key=SecretStr("mine"),
        s3_secret_key=SecretStr("mine too"),
    )
    plan = make_plan(settings, folder, credentials)
    assert {"redis", "s3"}.isdisjoint(_names(plan))
    assert plan.settings.redis_url == settings.redis_url
    assert plan.settings.s3_access_key == settings.s3_access_key


@pytest.mark.parametrize(
    "server",
    [
        {"redis_url": SecretStr("nonsense")},
        {"s3_endpoint": "nonsense"},
        {"s3_region": "bad region"},
    ],
)
def test_a_server_that_cannot_be_one_is_reported_before_anything_starts(
    server: dict[str, object], folder: DataFolder, credentials: Credentials
) -> None:
    """Else every program ends again and again, each with its reason in its log."""
    settings = Settings.model_validate({"data": folder.root, "port": 0, **server})
    with pytest.raises(InvalidSettings, match="IMPASTO_"):
        make_plan(settings, folder, credentials)


def test_no_secret_is_in_a_command_or_in_the_supervisors_file(
    folder: DataFolder, credentials: Credentials
) -> None:
    """Command lines are public on a machine."""
    plan = make_plan(Settings(data=folder.root, port=0), folder, credentials)
    public = configuration(plan.programs) + "".join(
        " ".join(program.command) for program in plan.programs
    )
    for secret in credentials.model_dump().values():
        assert secret not in public
    assert (folder.run / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_a_port_asked_for_by_name_must_be_free(
    folder: DataFolder, credentials: Credentials
) -> None:
    """Who sets a port wants that port, or to know why not."""
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        settings = Settings(data=folder.root, port=port)
        with pytest.raises(StackRefused, match=f"Port {port} .* taken"):
            make_plan(settings, folder, credentials)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("localhost", "http://localhost:"),
    ],
)
def test_the_url_is_one_that_this_machine_reaches(
    folder: DataFolder, credentials: Credentials, host: str, url: str
) -> None:
    """An address to bind is not always one to connect to."""
    plan = make_plan(Settings(data=folder.root, host=host, port=0), folder, credentials)
    assert plan.settings.url.startswith(url)


def test_credentials_are_made_once_and_kept_private(folder: DataFolder) -> None:
    """A restart must open what the last run closed."""
    path = folder.run / "other.json"
    first = keep_credentials(path)
    assert keep_credentials(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_settings_survive_the_way_through_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Programs run with exactly the settings that the stack was given."""
    settings = Settings(
        data=tmp_path,
        port=0,
        chunk_photos=3,
        lease_seconds=0.5,
        assets=tmp_path / "assets",
        redis_url=SecretStr("redis://:pass@localhost:1/0"),
        api_keys={"alice": SecretStr('with "quotes"')},
    )
    for name, value in settings_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_variables_of_the_users_do_not_reach_programs(tmp_path: Path) -> None:
    """Neither old settings nor rclone's own configuration."""
    base = {"IMPASTO_REDIS_URL": "old", "RCLONE_CONFIG": "theirs", "PATH": "/bin"}
    environment = program_environment(Settings(data=tmp_path), base)
    assert "IMPASTO_REDIS_URL" not in environment
    assert "RCLONE_CONFIG" not in environment
    assert environment["PATH"] == "/bin"
