"""Settings that reach the servers of a running embedded stack, for commands beside it."""

from pydantic import SecretStr

from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.stack.credentials import keep_credentials
from infra.stack.folder import DataFolder
from infra.stack.ports import LOOPBACK
from infra.stack.programs import STORAGE
from infra.stack.state import running_stack


def attach(settings: Settings) -> Settings:
    """Return settings that name an S3: as they are, or with that of the stack that runs here.

    Raises ServiceUnavailable when none is named and no stack runs on the data folder.
    """
    if settings.s3_endpoint is not None:
        return settings
    state = running_stack(settings.data)
    if state is None or STORAGE not in state.ports:
        raise ServiceUnavailable(
            f"No Impasto runs on {settings.data}: start one with `impasto up`, or name an S3 by "
            "IMPASTO_S3_ENDPOINT."
        )
    credentials = keep_credentials(DataFolder(state.data).run / "credentials.json")
    return settings.model_copy(
        update={
            "s3_endpoint": f"http://{LOOPBACK}:{state.ports[STORAGE]}",
            "s3_access_key": SecretStr(credentials.s3_access_key),
            "s3_secret_key": SecretStr(credentials.s3_secret_key),
        }
    )
