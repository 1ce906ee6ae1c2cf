"""Settings that reach the servers of a running embedded stack, for commands beside it."""

from pydantic import SecretStr

from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.stack.credentials import Credentials, keep_credentials
from infra.stack.folder import DataFolder
from infra.stack.ports import LOOPBACK
from infra.stack.programs import REDIS, STORAGE
from infra.stack.state import StackState, find_stack


def attach(settings: Settings, url: str | None = None) -> Settings:
    """Return settings that name an S3: as they are, or with that of the stack that runs here.

    It is found as every command finds its service: at `url`, by IMPASTO_URL, by the data folder.
    Raises ServiceUnavailable when no S3 is named and no stack runs there.
    """
    if settings.s3_endpoint is not None:
        return settings
    state = find_stack(settings, url)
    if state is None or STORAGE not in state.ports:
        raise ServiceUnavailable(
            f"No Impasto of yours runs {_place(settings, url)}: start one with `impasto up`, or "
            "name an S3 by IMPASTO_S3_ENDPOINT."
        )
    credentials = _credentials(state)
    return settings.model_copy(
        update={
            "s3_endpoint": f"http://{LOOPBACK}:{state.ports[STORAGE]}",
            "s3_access_key": SecretStr(credentials.s3_access_key),
            "s3_secret_key": SecretStr(credentials.s3_secret_key),
        }
    )


def attach_all(settings: Settings, url: str | None = None) -> Settings:
    """Return settings that name a Redis too, as `attach` does with S3."""
    settings = attach(settings, url)
    if settings.redis_url is not None:
        return settings
    state = find_stack(settings, url)
    if state is None or REDIS not in state.ports:
        raise ServiceUnavailable(
            f"No Redis is named and no Impasto of yours runs {_place(settings, url)}: set "
            "IMPASTO_REDIS_URL."
        )
    password = _credentials(state).redis_password
    address = f"redis://:{password}@{LOOPBACK}:{state.ports[REDIS]}/0"
    return settings.model_copy(update={"redis_url": SecretStr(address)})


def _place(settings: Settings, url: str | None) -> str:
    """Say where a stack was looked for."""
    if url or "url" in settings.model_fields_set:
        return f"on this machine at {url or settings.url}"
    return f"on {settings.data}"


def _credentials(state: StackState) -> Credentials:
    return keep_credentials(DataFolder(state.data).run / "credentials.json")
