"""What CloudTrail itself tells: where a trail writes, whether it does, and by which keys its digests were signed."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, boto3_session
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import PublicKey

_ARN = re.compile(
    r"arn:[a-z-]+:cloudtrail:(?P<home>[a-z0-9-]+):(?P<account>[0-9]{12}):trail/(?P<name>[\w.-]+)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a trail writes. ``stopped`` is when its logging was stopped, None while it logs or where nobody tells."""

    name: str
    home: str
    account: str
    bucket: str
    prefix: str = ""
    is_organization: bool = False
    stopped: datetime | None = None


class CloudTrail:
    """Asks CloudTrail, in any region, from any thread; also a ``ports.PublicKeySource``.

    Needs ``cloudtrail:GetTrail``, ``GetTrailStatus`` and ``ListPublicKeys``. Keys are asked for once for each region
    and range of times.
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html
    """

    def __init__(self, options: AwsOptions | None = None) -> None:
        self._options = options or AwsOptions()
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._known: dict[tuple[str, datetime, datetime], Sequence[PublicKey]] = {}

    def trail(self, arn: str) -> Trail:
        """The trail with this ARN. Raises ``SettingsError`` for what is none, and as any question to AWS does."""
        found = _ARN.fullmatch(arn)
        if found is None:
            raise SettingsError(f"{arn[:200]!a} is no trail: write arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME")
        home, account, name = found.group("home", "account", "name")
        with mapped(f"asking CloudTrail for {arn}"):
            client = self._client(home)
            told = client.get_trail(Name=arn)["Trail"]
            status = client.get_trail_status(Name=arn)
        return Trail(
            name,
            told.get("HomeRegion", home),
            account,
            told["S3BucketName"],
            told.get("S3KeyPrefix") or "",
            bool(told.get("IsOrganizationTrail")),
            None if status.get("IsLogging") else status.get("StopLoggingTime"),
        )

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        """Every page of ListPublicKeys."""
        asked = (region, first, last)
        with self._lock:
            known = self._known.get(asked)
        if known is None:
            with mapped(f"asking CloudTrail for its public keys in {region}"):
                known = list(self._listed(region, first, last))
            with self._lock:
                self._known[asked] = known
        return known

    def _listed(self, region: str, first: datetime, last: datetime) -> Iterator[PublicKey]:
        pages = self._client(region).get_paginator("list_public_keys").paginate(StartTime=first, EndTime=last)
        for page in pages:
            for key in page["PublicKeyList"]:
                yield PublicKey(key["Value"], _utc(key.get("ValidityStartTime")), _utc(key.get("ValidityEndTime")))

    def _client(self, region: str) -> Any:
        with self._lock:
            if region not in self._clients:
                session: Any = boto3_session(self._options)  # without boto3's stubs for CloudTrail it has no type
                self._clients[region] = session.client(
                    "cloudtrail", region_name=region, endpoint_url=self._options.endpoint_url, config=self._config()
                )
            return self._clients[region]

    def _config(self) -> Any:
        """Time-outs as for every other service; some tries more, as CloudTrail allows few questions a second."""
        from botocore.config import Config

        options = self._options
        return Config(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            retries={"mode": "standard", "total_max_attempts": 8},
        )


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
