"""Every setting in one frozen value: keyword arguments, then the environment, then a file, then the default.

Credentials are no settings: they come through boto3's own chain, and ``profile`` only chooses among them.
"""

import functools
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.loading import (
    PREFIX,
    environment_values,
    key_in,
    merged,
    mistakes,
    read_file,
    variable,
    warn_of_misspelled,
)

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
    threads: int = Field(default=64, ge=1, le=512, description="how many messages are worked on at once")
    pin_processes: bool = Field(
        default=True, description="keep each of several processes on one core, where they fill all cores evenly"
    )
    batch_size: int = Field(
        default=100, ge=1, le=100_000, description="how many events a processor gets at most in one call"
    )
    grace_time: float = Field(
        default=20, ge=0, description="how long running work may go on after a stop was asked for"
    )

    retry_delay: float = Field(
        default=30, gt=0, le=43_200, description="how long a message that failed stays hidden; doubled by each receive"
    )
    max_retry_delay: float = Field(
        default=900, gt=0, le=43_200, description="how long a message that failed stays hidden at most"
    )
    denied_delay: float = Field(
        default=300, gt=0, le=43_200, description="the same for a message whose bucket is denied; grows faster"
    )
    max_denied_delay: float = Field(
        default=21_600, gt=0, le=43_200, description="how long a message whose bucket is denied stays hidden at most"
    )
    fetch_attempts: int = Field(default=4, ge=1, description="how often one download is tried before it is given back")
    fetch_time: float = Field(default=30, gt=0, description="how long one download is tried again at most")
    process_attempts: int = Field(
        default=1, ge=1, description="how often a processor is given a batch that it raised on, before the log fails"
    )

    # ── what is never lost ──
    checkpoint: str | None = Field(
        default=None, description="where to remember what was delivered: memory, sqlite:FILE or dynamodb:TABLE"
    )
    checkpoint_namespace: str = Field(
        default="", description="tells this application from others that use the same checkpoint"
    )
    checkpoint_time: float = Field(
        default=60, gt=0, description="how long writing a checkpoint is tried again before the log fails"
    )
    deduplicate: float = Field(
        default=0,
        ge=0,
        description="deliver identical events only once within this time, kept where checkpoints are; 0: off",
    )
    quarantine: str | None = Field(
        default=None, description="where bad records are kept: a folder, or s3://bucket/prefix"
    )
    dead_letter_url: str | None = Field(
        default=None, description="URL of the queue to which rejected messages are sent, instead of the redrive policy"
    )
    missing_log: Literal["retry", "skip", "dead_letter"] = Field(
        default="retry", description="what becomes of a message whose log does not exist: retry, skip or dead_letter"
    )
    missing_log_receives: int = Field(
        default=5, ge=1, description="receives after which a log that is still missing is rejected (missing_log=retry)"
    )

    # ── what is allowed ──
    allowed_buckets: Texts = Field(default=(), description="buckets that messages may name, * being any text")
    allowed_accounts: Texts = Field(default=(), description="accounts whose logs are read")
    allowed_organizations: Texts = Field(default=(), description="organizations whose logs are read")
    bucket_owners: Texts = Field(default=(), description="accounts one of which must own each bucket")
    verify_sns: bool = Field(default=False, description="take only messages that carry a valid signature of SNS")
    allowed_topics: Texts = Field(default=(), description="SNS topics (ARNs, * being any text) for verify_sns")

    # ── what is proven ──
    verify: Literal["off", "report", "require"] = Field(
        default="off", description="prove logs by CloudTrail's digests: report what is found, or require it beforehand"
    )
    verify_grace: float = Field(
        default=7_200, gt=0, le=14 * 86_400, description="how long a log may come after its digest, or the other way"
    )
    public_keys: str | None = Field(
        default=None,
        description="file of CloudTrail's public keys (aws cloudtrail list-public-keys); else AWS is asked",
    )

    # ── the logs ──
    max_message_bytes: int = Field(default=2**20, ge=2**10, description="a message that is larger is rejected")
    max_keys: int = Field(default=1_000, ge=1, description="a message that names more logs is rejected")
    max_records: int = Field(default=1_000_000, ge=1, description="a log with more records is rejected")
    memory_budget: int = Field(default=2**30, ge=2**20, description="how much all logs in work may take; others wait")
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

    @field_validator(
        "processor",
        "where",
        "allowed_buckets",
        "allowed_accounts",
        "allowed_organizations",
        "bucket_owners",
        "allowed_topics",
        mode="before",
    )
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """One text, several, or several as a JSON list, which is what fits into an environment variable."""
        if not isinstance(value, str):
            return value
        try:
            return tuple(json.loads(value)) if value.lstrip().startswith("[") else (value,)
        except RecursionError:
            raise ValueError("a list that is nested too deep") from None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pollers > self.threads and "pollers" in self.model_fields_set:
            raise ValueError(f"pollers ({self.pollers}) must not exceed threads ({self.threads}): they would only wait")
        if self.retry_delay > self.max_retry_delay:
            raise ValueError(f"retry_delay ({self.retry_delay:g}) must not exceed max_retry_delay")
        if self.denied_delay > self.max_denied_delay:
            raise ValueError(f"denied_delay ({self.denied_delay:g}) must not exceed max_denied_delay")
        if self.max_inflated_bytes > self.memory_budget:
            raise ValueError("max_inflated_bytes must not exceed memory_budget: such a log could never be read")
        if self.dead_letter_url is not None and self.dead_letter_url == self.queue_url:
            raise ValueError("dead_letter_url must be another queue than queue_url: a message would go round for ever")
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
        from_file = read_file(Path(file)) if file is not None else {}
        warn_of_misspelled(os.environ, cls)
        environment = environment_values(cls)

        def place(name: str) -> str:
            """The place of the value that is in force; what was an argument has none."""
            if name in values:
                return ""
            return f" ({variable(name)})" if name in environment else f" ({key_in(name, Path(file))})" if file else ""

        try:
            return cls(**functools.reduce(merged, (from_file, environment, values)))
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
