"""Digest files: what CloudTrail signs every hour so that logs can be proven.

Source: AWS CloudTrail User Guide, "CloudTrail digest file structure". A digest is evidence: unknown members are kept,
but one that lacks a member or has one of another type is refused.
"""

from datetime import datetime
from typing import Any, Self

from pydantic import Field, ValidationError

from cloudtrail_processing.events.deferred import Part
from cloudtrail_processing.events.parsing import parse_object, to_bytes
from cloudtrail_processing.events.values import parse_time


class _Evidence(Part):
    newest_event_time: str | None = None
    oldest_event_time: str | None = None

    @property
    def newest_event(self) -> datetime | None:
        """When the newest event in it happened, in UTC; None when there is none."""
        return parse_time(self.newest_event_time)

    @property
    def oldest_event(self) -> datetime | None:
        """When the oldest event in it happened, in UTC; it may lie before the digest's window."""
        return parse_time(self.oldest_event_time)


class DigestLogFile(_Evidence):
    """One log that was delivered in the digest's hour. ``hash_value`` is the hex SHA-256 of the inflated log."""

    s3_bucket: str
    s3_object: str
    hash_value: str
    hash_algorithm: str = "SHA-256"


class DigestFile(_Evidence):
    """One digest file: the logs of an hour, chained to the digest before it.

    Times are text as written: ``digest_end_time`` is signed exactly so. The window is that of delivery. The five
    ``previous_…`` members are None in the first digest of a chain. The signature itself is metadata of the S3 object.
    """

    aws_account_id: str
    digest_start_time: str
    digest_end_time: str
    digest_s3_bucket: str
    digest_s3_object: str
    digest_public_key_fingerprint: str
    digest_signature_algorithm: str
    previous_digest_signature: str | None
    previous_digest_s3_bucket: str | None = None
    previous_digest_s3_object: str | None = None
    previous_digest_hash_value: str | None = None
    previous_digest_hash_algorithm: str | None = None
    log_files: list[DigestLogFile] = Field(default_factory=list)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """The digest that the inflated file ``data`` holds.

        Raises ValueError when it is no JSON object, lacks a member that is always there, or has one of another type;
        the text names the members.
        """
        try:
            return cls.model_validate(parse_object(to_bytes(data)))
        except ValidationError as error:
            places = sorted({".".join(map(str, problem["loc"])) for problem in _problems(error)})
        raise ValueError(f"not a CloudTrail digest file: missing or of another type: {', '.join(places)}")

    @property
    def start(self) -> datetime | None:
        """Where the window of delivery starts, in UTC."""
        return parse_time(self.digest_start_time)

    @property
    def end(self) -> datetime | None:
        """Where the window of delivery ends, in UTC."""
        return parse_time(self.digest_end_time)


def _problems(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_context=False, include_input=False))
