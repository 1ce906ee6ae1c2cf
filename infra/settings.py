"""Every setting of Impasto and its one reader: the environment, prefix ``IMPASTO_``."""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from infra import layout
from infra.errors import InvalidSettings
from infra.loopback import is_loopback

MEBIBYTE = 1024 * 1024

#: What the name of every variable begins with.
PREFIX = "IMPASTO_"
#: Variables that are no settings: the stack tells its own programs something by them.
_INTERNAL = ("IMPASTO_GUARD_PARENT", "IMPASTO_SUPERVISOR_SOCKET", "IMPASTO_COMMAND_")

DeviceSetting = Literal["auto", "cpu", "cuda"]
EngineSetting = Literal["auto", "torch", "openvino"]
PrecisionSetting = Literal["auto", "float32", "bfloat16"]


def _read_json(value: object) -> object:
    """Read JSON here, so that an error is reported under the variable's name, as any other is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise PydanticCustomError("json", "Input should be JSON") from error


def _tell_tenants_apart(keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Return the keys without the white space around them, such as a file's last line break.

    Refuses a name that cannot be a tenant's in the bucket, an empty key, and a key that two tenants
    share.
    """
    for tenant in keys:
        _require_name(tenant)
    secrets = [key.get_secret_value().strip() for key in keys.values()]
    if "" in secrets:
        raise PydanticCustomError("empty_key", "No key may be empty")
    if len(set(secrets)) < len(secrets):
        raise PydanticCustomError("shared_key", "Each tenant needs a key of its own")
    return dict(zip(keys, map(SecretStr, secrets), strict=True))


def _require_name(tenant: str) -> None:
    try:
        layout.tenant_prefix(tenant.strip())  # nothing but spaces is no name either
    except ValueError as error:
        raise PydanticCustomError(
            "tenant", "Each tenant needs a name that a folder could have"
        ) from error


def _known_level(name: str) -> str:
    """Refuse a level that `logging` does not know: every process would end with its error."""
    if name.upper() not in logging.getLevelNamesMapping():
        raise PydanticCustomError("level", "Input should be DEBUG, INFO, WARNING or ERROR")
    return name


def at_home(path: Path) -> Path:
    """Expand a leading `~`; raises ValueError for a home folder that does not exist.

    This runs while a variable is read, so the error is reported under the variable's name.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise PydanticCustomError("home", "No such home folder") from error


def read_path_prefix(text: str) -> str:
    """Return a path such as `/impasto`, without a slash at its end; empty where there is none.

    Raises ValueError for anything else.
    """
    prefix = text.rstrip("/")
    if not re.fullmatch(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*", prefix):
        raise PydanticCustomError("path_prefix", "Input should be a path such as /impasto")
    return prefix


#: A place on this machine's disk.
DiskPath = Annotated[Path, AfterValidator(at_home)]
#: Tenant to key. pydantic-settings would read the JSON itself, and end with an error of its own.
ApiKeys = Annotated[
    dict[str, SecretStr],
    NoDecode,
    BeforeValidator(_read_json),
    AfterValidator(_tell_tenants_apart),
]


class Settings(BaseSettings):
    """All settings of one process.

    Unset server addresses mean the embedded servers, which `impasto up` starts and names to its
    children through these same variables.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # an error is logged and shown, and the input may be a secret
    )

    #: Folder that holds everything an embedded stack keeps.
    data: DiskPath = Path(".impasto")

    redis_url: SecretStr | None = Field(
        default=None, description="redis:// or rediss:// address; unset starts an embedded Redis."
    )
    #: For rediss://: a file with the certificates of the authorities that are trusted (unset: the
    #: system's), and a client's own certificate and key. Options of the address come first.
    redis_ca_certs: DiskPath | None = None
    redis_certfile: DiskPath | None = None
    redis_keyfile: DiskPath | None = None
    s3_endpoint: str | None = Field(
        default=None, description="S3 address; unset starts an embedded server."
    )
    s3_region: str = "us-east-1"
    s3_bucket: str = "impasto"
    s3_addressing: Literal["path", "virtual"] = Field(
        default="path",
        description="Where requests name the bucket: in the path, which nearly every S3 reads, or "
        "as the first part of the host's name, which some demand.",
    )
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None

    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the API; 0 picks one.")
    #: Path below which a proxy in front offers the API; addresses in answers begin with it. Unset:
    #: what the proxy says in X-Forwarded-Prefix.
    path_prefix: Annotated[str, AfterValidator(read_path_prefix)] = ""
    api_keys: ApiKeys = Field(
        default_factory=dict,
        description='Tenant to key, as JSON: {"alice": "…"}. Needed for any host but loopback.',
    )
    url: str = Field(
        default="http://127.0.0.1:8000", description="Where the CLI and client find the API."
    )
    api_key: SecretStr | None = Field(default=None, description="Key that the CLI sends.")

    #: Photos in one chunk: what one claim of a worker covers.
    chunk_photos: Annotated[int, Field(ge=1, le=1000)] = 8
    #: Chunks of one job that are offered to workers at the same time.
    job_window: Annotated[int, Field(ge=1)] = 8
    #: Seconds a claim lives without a heartbeat.
    lease_seconds: Annotated[float, Field(gt=0)] = 20.0
    #: Seconds between heartbeats of a running chunk.
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 5.0
    #: Seconds between sweeps.
    sweep_seconds: Annotated[float, Field(gt=0)] = 3.0
    #: Seconds until the message of an unclaimed chunk is sent again, in an idle queue.
    ring_patience_seconds: Annotated[float, Field(gt=0)] = 30.0

    #: Days after its end at which a job is removed, with its uploads, results, manifests and
    #: records; unset keeps everything. Styles stay. A century at most: dates end with year 9999.
    retention_days: Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)] | None = None

    #: Jobs that may be open at the same time: of one tenant, and of all.
    max_tenant_open_jobs: Annotated[int, Field(ge=1)] = 20_000
    max_open_jobs: Annotated[int, Field(ge=1)] = 50_000
    #: Photos of open jobs that may wait for a worker.
    max_tenant_waiting_photos: Annotated[int, Field(ge=1)] = 1_000_000
    max_waiting_photos: Annotated[int, Field(ge=1)] = 5_000_000
    #: Bytes of files that came with open jobs.
    max_tenant_waiting_bytes: Annotated[int, Field(ge=1)] = 1024 * 1024 * MEBIBYTE
    max_waiting_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024 * MEBIBYTE

    max_album_photos: Annotated[int, Field(ge=1)] = 100_000
    max_photo_bytes: Annotated[int, Field(ge=1)] = 128 * MEBIBYTE
    #: Bytes of one ZIP file of photos.
    max_archive_bytes: Annotated[int, Field(ge=1)] = 32 * 1024 * MEBIBYTE
    #: Bytes of a style file that is imported, as it comes and unpacked.
    max_style_bytes: Annotated[int, Field(ge=1)] = 256 * MEBIBYTE
    #: Megapixels (1e6) a photo or a painting may have; larger ones fail before they are decoded.
    max_photo_megapixels: Annotated[float, Field(gt=0)] = 50.0

    device: DeviceSetting = Field(
        default="auto", description="What nets run and train on; auto takes a GPU if there is one."
    )
    engine: EngineSetting = Field(
        default="auto", description="What runs the nets; auto takes the faster one that works here."
    )
    precision: PrecisionSetting = Field(
        default="auto",
        description="What convolutions calculate in; auto is float32 on a CPU and float16 on a "
        "GPU. Processors with AMX take a quarter of the time in bfloat16, and 2 or 3 pixels in 100 "
        "of a painting are then off by more than 1 of 255. Results have one address, whichever "
        "this is: the first one made stays.",
    )
    #: Threads of one worker's CPU arithmetic; 0 leaves the choice to the engine.
    threads: Annotated[int, Field(ge=0)] = 0
    #: Bytes of nets that one worker process keeps loaded.
    net_cache_bytes: Annotated[int, Field(ge=0)] = 512 * MEBIBYTE
    #: Bytes of activations that one worker process keeps between photos, for all nets together.
    #: What a larger photo took is given back behind it.
    shape_cache_bytes: Annotated[int, Field(ge=0)] = 384 * MEBIBYTE
    #: Bytes that one worker process may take to paint a photo; larger ones are painted tile by
    #: tile, to the same picture. On a GPU, its memory is the measure. Photos on their way, from
    #: their decoding until they are stored, may take as much together (one is always let in).
    memory_bytes: Annotated[int, Field(ge=0)] = 2048 * MEBIBYTE
    #: Folder on a disk for what a large photo needs besides (32 bytes a pixel, standard nets 64);
    #: unset means one in `data` for `impasto up`, else the system's temporary one.
    scratch: DiskPath | None = None

    #: Seconds that a trainer works on one job before others get their turn.
    slice_seconds: Annotated[float, Field(gt=0, le=600)] = 600.0
    #: Seconds between two checkpoints of a training: what a crash may cost.
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60.0
    #: Threads of the trainer's CPU arithmetic; 0 leaves the choice to PyTorch.
    trainer_threads: Annotated[int, Field(ge=0)] = 0
    #: Whether a CPU trains in compiled steps, and in bfloat16 where it multiplies in that: other
    #: last bits, a minute of compiling at first, and a C++ compiler is needed. With AMX twice as
    #: fast as exactly, with AVX2 alone hardly faster. A GPU always does.
    trainer_fast: bool = False
    #: Whether a training makes way for albums that wait.
    trainer_yields: bool = True
    #: Bytes of corpus shards that a trainer keeps on its disk.
    corpus_cache_bytes: Annotated[int, Field(ge=0)] = 1024 * MEBIBYTE

    #: Folder of loss-network weights as torchvision state dicts (.safetensors or .pth), or
    #: `s3:PREFIX` where they lie in the bucket.
    loss_weights: DiskPath | None = None
    #: Whether weights that are neither there nor in torchvision's cache may be downloaded.
    loss_weights_download: bool = True
    #: Folder of test and training assets; only tests and training commands read it.
    assets: DiskPath | None = None

    log_level: Annotated[str, AfterValidator(_known_level)] = "INFO"

    @property
    def open_to_strangers(self) -> bool:
        """Whether other machines could reach the API and need no key for it: nothing may run so."""
        return not self.api_keys and not is_loopback(self.host)


def load_settings(**chosen: object) -> Settings:
    """Read the environment; `chosen` values take precedence.

    Raises InvalidSettings, which names every wrong variable, and every one that is no setting.
    """
    wrong = list(_unknown(os.environ))
    settings = None
    try:
        settings = Settings.model_validate(chosen)
    except ValidationError as error:
        # Of where the mistake is, the variable alone: below it stands what the user wrote.
        wrong += [
            f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
    if wrong or settings is None:
        # Not from the error, for the same reason: the service logs what it was raised from.
        raise InvalidSettings(f"The environment is not valid: {', '.join(dict.fromkeys(wrong))}")
    return settings


def _unknown(variables: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with each variable of ours that no setting has.

    A name that was mistyped would leave its setting as it is by default, without a word.
    """
    known = [name.upper() for name in Settings.model_fields]
    for variable in sorted(variables):
        whole = variable.upper()  # as settings are read
        name = whole.removeprefix(PREFIX)
        if name == whole or name in known or whole.startswith(_INTERNAL):
            continue
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {PREFIX}{near[0]}?" if near else "take it out of the environment"
        yield f"{variable}: No setting has this name; {hint}"
