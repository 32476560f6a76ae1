"""How AWS is reached: one frozen value, and the clients made from it.

Credentials come from boto3's own chain (environment, profile, SSO, role, container, instance) unless some are
given outright; endpoint URLs may come from that chain as well (``AWS_ENDPOINT_URL``, ``endpoint_url`` of a profile).

AWS's libraries take a quarter of a second to import. Whoever writes a processor, tests it, reads files or supervises
processes has no use for them: in ``aws`` they are imported where the first client is made.
"""

import functools
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloudtrail_processing.ports import LONGEST_POLL

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.loaders import Loader
    from mypy_boto3_s3.client import S3Client
    from types_aiobotocore_sqs.client import SQSClient

_MARGIN = 10
_QUICK = 5
_CONNECTIONS = 100  # every poller may hold one for a whole long poll, and deletes must not wait for them
_PUBLIC_HOST = re.compile(r"(sqs\.[a-z0-9-]+|([a-z0-9-]+\.)?queue)\.amazonaws\.com(\.cn)?")
_ISO_8601 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_REGION_NAME = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-\d")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Access keys given outright instead of found by boto3's chain, as an embedded AWS needs them."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """How to reach AWS; everything left out is found by boto3's own rules.

    ``s3_endpoint_url`` is for S3 alone and goes before ``endpoint_url``. ``request_payer`` reads requester-pays
    buckets at our cost. Time-outs are in seconds, for connecting and for each read; the queue's read time-out is never
    shorter than a long poll. ``credentials`` replace the chain.
    """

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    s3_endpoint_url: str | None = None
    request_payer: bool = False
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    credentials: Credentials | None = field(default=None, repr=False)


def boto3_session(options: AwsOptions) -> "boto3.Session":
    """A boto3 session for these options. Raises botocore's ``ProfileNotFound``; boto3 is not asked for anything yet."""
    import boto3
    import botocore.session

    keys = options.credentials
    core = botocore.session.Session(profile=options.profile)
    session = boto3.Session(
        botocore_session=core,
        region_name=options.region,
        aws_access_key_id=keys.access_key if keys else None,
        aws_secret_access_key=keys.secret_key if keys else None,
        aws_session_token=keys.token if keys else None,
    )
    _share(core)  # now: boto3 had put a folder of its own into what it found there
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return session


def default_region(options: AwsOptions) -> str | None:
    """The region that boto3's own chain finds; None where it finds none."""
    region: str | None = boto3_session(options).region_name
    return region


def s3_client(session: "boto3.Session", options: AwsOptions, *, region: str | None = None) -> "S3Client":
    """A boto3 client for S3 in ``region``, else the session's; ``meta`` tells the endpoint and region it found."""
    from botocore.config import Config

    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        retries={"mode": "standard", "total_max_attempts": 2},
        s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
    )
    endpoint = options.s3_endpoint_url or options.endpoint_url
    return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)


def sqs_client(queue_url: str, options: AwsOptions) -> AbstractAsyncContextManager["SQSClient"]:
    """An aiobotocore client for the queue's region and endpoint, with a read time-out above the longest poll.

    The Java library's 10 s read time-out under its 20 s poll killed every idle poll (W4). One try more is left to
    botocore, for pooled connections that the service had closed; the rest of retrying is ours.
    """
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession

    keys = options.credentials
    config = AioConfig(
        connect_timeout=options.connect_timeout,
        read_timeout=max(options.read_timeout, LONGEST_POLL + _MARGIN),
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    session = AioSession(profile=options.profile)
    _share(session)
    return session.create_client(
        "sqs",
        region_name=queue_region(queue_url) or options.region,
        endpoint_url=options.endpoint_url or _queue_endpoint(queue_url),
        aws_access_key_id=keys.access_key if keys else None,
        aws_secret_access_key=keys.secret_key if keys else None,
        aws_session_token=keys.token if keys else None,
        config=config,
    )


def dynamodb_client(options: AwsOptions) -> Any:
    """A boto3 client for DynamoDB; one more try is left to botocore, as for the queue. Many threads may share it.

    It answers in milliseconds, and claims run out: nobody waits long for an answer that does not come.
    """
    from botocore.config import Config

    config = Config(
        connect_timeout=min(options.connect_timeout, _QUICK),
        read_timeout=min(options.read_timeout, _QUICK),
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    session: Any = boto3_session(options)  # without boto3's stubs for DynamoDB there is no type to give
    return session.client("dynamodb", endpoint_url=options.endpoint_url, config=config)


def _share(session: "botocore.session.Session") -> None:
    """Let the session use what others of this process have read of services."""
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))


def _time(value: Any) -> datetime:
    """A time in an answer. Nearly all are ISO 8601; botocore guesses, and that is most of the cost of a listing."""
    if isinstance(value, str) and _ISO_8601.fullmatch(value):
        return datetime.fromisoformat(value)
    from botocore.utils import parse_timestamp

    guessed: datetime = parse_timestamp(value)
    return guessed


@functools.cache
def _descriptions(path: str | None) -> "Loader":
    """What botocore knows of endpoints and services, read once in a process: it is megabytes of JSON.

    ``path`` is AWS_DATA_PATH, where an operator may have put more.
    """
    from botocore.loaders import create_loader

    return create_loader(path)


def queue_region(queue_url: str) -> str | None:
    """The region that a queue URL names; None when its host is not AWS's.

    >>> queue_region("https://sqs.eu-west-1.amazonaws.com/123456789012/trail")
    'eu-west-1'
    """
    host = urlsplit(queue_url).hostname or ""
    if host == "queue.amazonaws.com":
        return "us-east-1"
    return next((label for label in host.split(".") if _REGION_NAME.fullmatch(label)), None)


def _queue_endpoint(queue_url: str) -> str | None:
    """None where botocore knows the endpoint by region; for any other host (VPC endpoint, emulator) the host itself."""
    url = urlsplit(queue_url)
    return None if not url.netloc or _PUBLIC_HOST.fullmatch(url.netloc) else f"{url.scheme}://{url.netloc}"
