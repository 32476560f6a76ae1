"""Every setting in one frozen value: keyword arguments, then the environment, then a file, then the default.

Credentials are no settings: they come through boto3's own chain, and ``profile`` only chooses among them.
"""

import difflib
import functools
import json
import logging
import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.properties import SAME, java_settings

logger = logging.getLogger(__name__)

PREFIX = "CLOUDTRAIL_PROCESSING_"
"""What the names of all environment variables begin with."""

Texts = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """All settings, cross-checked. ``Settings.load`` reads a file too; times are in seconds, sizes in bytes.

    Every field ``name`` is ``CLOUDTRAIL_PROCESSING_NAME`` in the environment and ``name`` in a TOML file.
    """

    model_config = SettingsConfigDict(
        hide_input_in_errors=True, env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    # ── what to run ──
    processor: Texts = Field(
        default=(), description="processors to run: package.module:Class, or the name of an entry point"
    )
    options: dict[str, Any] = Field(
        default={}, description="keyword arguments of the processors; a table named like one of them is for it alone"
    )
    where: Texts = Field(default=(), description="only these events: field=value,field=value; several are alternatives")

    # ── the queue ──
    queue_url: str | None = Field(default=None, description="URL of the SQS queue that receives the notifications")
    visibility_timeout: int = Field(
        default=300, ge=10, le=43_200, description="how long a message is ours between extensions"
    )
    wait_time: int = Field(default=20, ge=0, le=20, description="how long one receive waits for messages")
    pollers: int = Field(default=2, ge=1, le=64, description="how many receive calls run at once")

    # ── the work ──
    threads: int = Field(default=16, ge=1, le=512, description="how many messages are worked on at once")
    batch_size: int = Field(
        default=100, ge=1, le=100_000, description="how many events a processor gets at most in one call"
    )
    grace_time: float = Field(
        default=20, ge=0, description="how long running work may go on after a stop was asked for"
    )

    # ── the logs ──
    max_inflated_bytes: int = Field(
        default=256 * 2**20, ge=2**10, description="a log that inflates to more is rejected"
    )
    max_ratio: int = Field(default=500, ge=2, description="a log that inflates by more is rejected (once over 1 MiB)")

    # ── AWS ──
    region: str | None = Field(
        default=None, description="region, where neither the queue URL nor boto3's chain tells it"
    )
    profile: str | None = Field(default=None, description="profile of boto3's configuration files")
    endpoint_url: str | None = Field(default=None, description="other endpoint for all of AWS, as for an emulator")
    s3_endpoint_url: str | None = Field(default=None, description="other endpoint for S3 alone")
    request_payer: bool = Field(default=False, description="read requester-pays buckets, at our cost")
    connect_timeout: float = Field(default=5, gt=0, description="for one connection to AWS")
    read_timeout: float = Field(default=30, gt=0, description="for one read from AWS; a long poll has more")

    # ── telling ──
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least level that is logged"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="log lines for people or for machines")

    @field_validator("processor", "where", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """One text, several, or several as a JSON list, which is what fits into an environment variable."""
        if not isinstance(value, str):
            return value
        return tuple(json.loads(value)) if value.lstrip().startswith("[") else (value,)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pollers > self.threads and "pollers" in self.model_fields_set:
            raise ValueError(f"pollers ({self.pollers}) must not exceed threads ({self.threads}): they would only wait")
        if self.queue_url is not None and not self.queue_url.startswith(("https://", "http://")):
            raise ValueError(
                "queue_url must be the URL of the queue, as https://sqs.<region>.amazonaws.com/<account>/<name>"
            )
        return self

    @classmethod
    def load(cls, file: str | Path | None = None, **values: Any) -> Self:
        """Settings from ``values``, else the environment, else ``file`` (TOML, or the Java library's .properties).

        ``options`` are merged key by key. Raises ``SettingsError`` that names every mistake and where it was read,
        without its value.
        """
        from_file = _read(Path(file)) if file is not None else {}
        _warn_of_misspelled(os.environ, cls)
        environment = _environment(cls)

        def place(name: str) -> str:
            """The place of the value that is in force; what was an argument has none."""
            if name in values:
                return ""
            return f" ({_variable(name)})" if name in environment else f" ({_key(name, Path(file))})" if file else ""

        try:
            return cls(**functools.reduce(_merged, (from_file, environment, values)))
        except ValidationError as error:
            raise SettingsError(mistakes(error, kind="setting", names=cls.model_fields, place=place)) from None

    @classmethod
    def of(cls, given: Self | None, **values: Any) -> Self:
        """``given``, else what ``load(**values)`` makes; ``SettingsError`` for both, as one would be without effect."""
        if given is None:
            return cls.load(**values)
        if values:
            names = ", ".join(values)
            raise SettingsError(f"settings are given and {names} beside them: put {names} into Settings.load(…)")
        return given


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.suffix != ".properties":
            return tomllib.loads(file.read_text(encoding="utf-8-sig"))
        values, remarks = java_settings(file.read_bytes().decode("latin-1"))  # the encoding that Java prescribes
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from error
    for remark in remarks:
        logger.warning("%s: %s", file, remark)
    return dict(values)


def _environment(settings: type[BaseSettings]) -> dict[str, Any]:
    try:
        return EnvSettingsSource(settings)()
    except ValueError:  # of all settings, only options must be JSON
        text = f'options ({_variable("options")}): it must be a JSON object, as {{"path": "x"}}'
        raise SettingsError(text) from None


def _variable(name: str) -> str:
    return f"environment variable {PREFIX}{name.upper()}"


def _key(name: str, file: Path) -> str:
    """The file and, where the Java library has its own word, that one."""
    own = {ours: theirs for theirs, ours in SAME.items()} if file.suffix == ".properties" else {}
    return f"{own[name]} in {file}" if name in own else str(file)


def _merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Both, where ``high`` goes first; tables that stand in both are merged in the same way."""
    tables = {name for name in low.keys() & high.keys() if isinstance(low[name], dict) and isinstance(high[name], dict)}
    return {**low, **high, **{name: _merged(low[name], high[name]) for name in tables}}


def _warn_of_misspelled(environment: Iterable[str], settings: type[BaseSettings]) -> None:
    for variable in environment:
        name = variable.upper().removeprefix(PREFIX).lower()
        if variable.upper().startswith(PREFIX) and name not in settings.model_fields:
            near = difflib.get_close_matches(name, settings.model_fields, n=1)
            guess = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
            logger.warning("the environment variable %s is no setting and has no effect%s", variable, guess)


def mistakes(
    error: ValidationError, *, kind: str, names: Iterable[str], place: Callable[[str], str] = lambda _: ""
) -> str:
    """Everything that is wrong, without any value, which might be a secret in the wrong place.

    Unknown names are called by ``kind`` and come with the nearest of ``names``. ``place`` says where a value was read.
    """
    return "; ".join(_mistake(dict(detail), kind, list(names), place) for detail in error.errors())


def _mistake(detail: dict[str, Any], kind: str, names: list[str], place: Callable[[str], str]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] != "extra_forbidden":
        text = str(detail["msg"]).removeprefix("Value error, ")
        return f"{name}{place(str(detail['loc'][0]))}: {text}" if name else text
    near = difflib.get_close_matches(name, names, n=1)
    return f"unknown {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
