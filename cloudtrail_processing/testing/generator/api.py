"""What a table of API calls is made of: services, and calls as JSON templates in the form of the wire.

In a template ``$name`` stands for a drawn value (the names are those of ``scene.VALUES``). Within one record the
same name always stands for the same value; ``$name2`` is another value of the same sort.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Service(NamedTuple):
    """How a service shows in records. ``everywhere`` marks the global ones, which report from us-east-1."""

    source: str
    denied: str = "AccessDenied"
    throttled: str = "ThrottlingException"
    missing: str = "ResourceNotFoundException"
    api_version: str = ""
    everywhere: bool = False


class Call(NamedTuple):
    """One API call. All templates are JSON; an empty one means that the field is absent from the record.

    ``details`` fills serviceEventDetails; ``data`` marks data events.
    A ``weight`` of 0 keeps a call out of ordinary traffic; only a story, or a caller by name, makes it.
    """

    service: str
    name: str
    request: str = "null"
    response: str = "null"
    resources: str = ""
    extra: str = ""
    weight: float = 1
    read_only: bool = True
    details: str = ""
    data: bool = False


def write(
    service: str,
    name: str,
    request: str = "null",
    response: str = "null",
    *,
    resources: str = "",
    extra: str = "",
    weight: float = 1,
) -> Call:
    """A call that changes something."""
    return Call(service, name, request, response, resources, extra, weight, read_only=False)


_STYLE: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "ec2": ("Client.UnauthorizedOperation", "Client.RequestLimitExceeded", "Client.InvalidInstanceID.NotFound"),
        "query": ("AccessDenied", "Throttling", "NoSuchEntityException"),
        "json": ("AccessDeniedException", "ThrottlingException", "ResourceNotFoundException"),
        "s3": ("AccessDenied", "SlowDown", "NoSuchBucketPolicy"),
    }
)
"""Error codes of the service families: denied, throttled, not found."""


def _service(source: str, style: str, *, api_version: str = "", everywhere: bool = False) -> Service:
    denied, throttled, missing = _STYLE[style]
    return Service(f"{source}.amazonaws.com", denied, throttled, missing, api_version, everywhere)


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "autoscaling": _service("autoscaling", "query"),
        "billing": _service("billingconsole", "json", everywhere=True),
        "cloudformation": _service("cloudformation", "query"),
        "cloudtrail": _service("cloudtrail", "json"),
        "cloudwatch": _service("monitoring", "query"),
        "cognito": _service("cognito-identity", "json"),
        "config": _service("config", "json"),
        "directory": _service("ds", "json"),
        "dynamodb": _service("dynamodb", "json", api_version="2012-08-10"),
        "ec2": _service("ec2", "ec2"),
        "ecr": _service("ecr", "json"),
        "eks": _service("eks", "json"),
        "elb": _service("elasticloadbalancing", "query", api_version="2015-12-01"),
        "events": _service("events", "json"),
        "guardduty": _service("guardduty", "json"),
        "iam": _service("iam", "query", everywhere=True),
        "identitycenter": _service("sso", "json"),
        "kms": _service("kms", "json"),
        "lambda": _service("lambda", "json", api_version="2015-03-31"),
        "logs": _service("logs", "json", api_version="20140328"),
        "organizations": _service("organizations", "json", everywhere=True),
        "rds": _service("rds", "query"),
        "s3": _service("s3", "s3"),
        "secretsmanager": _service("secretsmanager", "json"),
        "signin": _service("signin", "json"),
        "sns": _service("sns", "query"),
        "sqs": _service("sqs", "query"),
        "ssm": _service("ssm", "json"),
        "sts": _service("sts", "query"),
        "tagging": _service("tagging", "json"),
    }
)
