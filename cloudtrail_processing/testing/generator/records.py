"""Records of calls: management and data events, console actions, service events, shared copies, network activity."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from cloudtrail_processing.testing.generator import callers
from cloudtrail_processing.testing.generator.api import SERVICES, Call
from cloudtrail_processing.testing.generator.callers import CALLERS, Caller
from cloudtrail_processing.testing.generator.draw import Draw, Weighted
from cloudtrail_processing.testing.generator.oddities import make_odd
from cloudtrail_processing.testing.generator.others import (
    CONSOLE_ACTIONS,
    DATA_CALLS,
    GET_OBJECT,
    NETWORK_CALLS,
    SERVICE_CALLS,
    SERVICE_EVENTS,
)
from cloudtrail_processing.testing.generator.reads import (
    ASSUME_ROLE,
    ASSUME_ROLE_SAML,
    ASSUME_ROLE_WEB,
    COGNITO_CREDENTIALS,
    DECRYPT,
    DIRECTORIES,
    READS,
    SSO_CREDENTIALS,
)
from cloudtrail_processing.testing.generator.scene import Record, Scene, assemble, wire_time
from cloudtrail_processing.testing.generator.writes import WRITES

CALLS: Mapping[str, Call] = MappingProxyType({call.name: call for call in (*DATA_CALLS, *WRITES, *READS)})
"""Every known call by its name, the quiet ones that ordinary traffic never makes included."""

_ERROR_SHARE = 0.07
_MESSAGE_LIMIT = 1024
_VERSION_IN_NAME = re.compile(r"\d{8}(v\d)?$")


def _weighted(calls: tuple[Call, ...], *, home: bool) -> Weighted[Call]:
    return Weighted((call, call.weight) for call in calls if home or not SERVICES[call.service].everywhere)


_MANAGEMENT: Mapping[tuple[bool, bool], Weighted[Call]] = MappingProxyType(
    {
        (True, True): _weighted(READS, home=True),
        (True, False): _weighted(READS, home=False),
        (False, True): _weighted(WRITES, home=True),
        (False, False): _weighted(WRITES, home=False),
    }
)
"""By (read only, home region): global services report only where the trail is at home."""

_DATA = Weighted((call, call.weight) for call in DATA_CALLS)
_NETWORK = Weighted((call, call.weight) for call in NETWORK_CALLS)
_SERVICE_EVENTS = Weighted((call, call.weight) for call in SERVICE_EVENTS)
_DATA_CALLERS: Weighted[Callable[[Scene], Caller]] = Weighted(
    (
        (callers.assumed_role, 70),
        (callers.iam_user, 15),
        (callers.aws_service, 12),
        (callers.aws_account, 2),
        (callers.anonymous, 1),
    )
)
_ONLY: Mapping[Callable[[Scene], Caller], tuple[Call, ...]] = MappingProxyType(
    {
        callers.aws_service: SERVICE_CALLS,
        callers.aws_account: (DECRYPT, ASSUME_ROLE),
        callers.web_identity_user: (ASSUME_ROLE_WEB,),
        callers.saml_user: (ASSUME_ROLE_SAML,),
        callers.identity_center_user: (SSO_CREDENTIALS,),
        callers.directory: (DIRECTORIES,),
        callers.unknown: (COGNITO_CREDENTIALS,),
    }
)
"""Callers that make only certain calls."""

_TLS = Weighted(((("TLSv1.3", "TLS_AES_128_GCM_SHA256"), 8), (("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"), 3)))
_KEY_EXCHANGES = ("X25519MLKEM768", "x25519", "secp256r1")


def management(scene: Scene, *, read_only: bool | None = None) -> Record:
    """A management event of anybody; reads are three times as frequent unless ``read_only`` says which."""
    reads = scene.draw.chance(0.75) if read_only is None else read_only
    who = scene.draw.pick(CALLERS)
    if read_only is False and who in _ONLY:
        who = callers.assumed_role
    only = _ONLY.get(who)
    call = scene.draw.one(only) if only else scene.draw.pick(_MANAGEMENT[reads, scene.home])
    return _finished(scene, call=call, caller=who(scene))


def data(scene: Scene) -> Record:
    """A data event: S3 objects, Lambda invocations, DynamoDB items, queues."""
    who = scene.draw.pick(_DATA_CALLERS)
    call = GET_OBJECT if who is callers.anonymous else scene.draw.pick(_DATA)
    return _finished(scene, call=call, caller=who(scene))


def call_fields(scene: Scene, *, call: Call, caller: Caller) -> dict[str, Any]:
    """The fields of a successful ``call`` by ``caller``, unordered and for the newest version."""
    service = SERVICES[call.service]
    request = scene.fill(call.request)
    fields: dict[str, Any] = {
        "userIdentity": caller.identity,
        "eventTime": wire_time(scene.at),
        "eventSource": service.source,
        "eventName": call.name,
        "awsRegion": "us-east-1" if service.everywhere else scene.region,
        "sourceIPAddress": caller.address,
        "userAgent": f"[{caller.agent}]" if call.service == "s3" and caller.direct else caller.agent,
        "requestParameters": request,
        "responseElements": scene.fill(call.response),
        "requestID": scene.draw.upper(16) if call.service == "s3" else scene.value("requestid"),
        "eventID": scene.draw.uuid(),
        "readOnly": call.read_only,
        "eventType": "AwsServiceEvent" if call.details else "AwsApiCall",
        "managementEvent": not call.data,
        "recipientAccountId": scene.account,
        "eventCategory": "Data" if call.data else "Management",
        **caller.fields,
    }
    if service.api_version and scene.minor < 10:
        fields["apiVersion"] = service.api_version
    if caller.direct:
        fields["tlsDetails"] = tls(scene, host=(request or {}).get("Host") or _host(scene, call))
    for name, template in (
        ("resources", call.resources),
        ("additionalEventData", call.extra),
        ("serviceEventDetails", call.details),
    ):
        if template:
            fields[name] = scene.fill(template)
    return fields


def fail(scene: Scene, fields: dict[str, Any], *, code: str, message: str | None = None) -> None:
    """Turn the ``fields`` of a call into those of one that failed with ``code``; long messages are cut as AWS does."""
    text = message or _message(scene, fields, code)
    fields["errorCode"] = code
    fields["errorMessage"] = text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 3] + "..."
    fields["responseElements"] = None


def service_event(scene: Scene) -> Record:
    """Something that a service did of its own accord; its userIdentity has no type."""
    call = scene.draw.pick(_SERVICE_EVENTS)
    source = SERVICES[call.service].source
    caller = Caller({"accountId": scene.account, "invokedBy": source}, source, source, direct=False)
    fields = call_fields(scene, call=call, caller=caller) | {"eventType": "AwsServiceEvent"}
    if scene.draw.chance(0.5):
        del fields["requestID"]
    return assemble(fields, minor=scene.minor)


def console_action(scene: Scene) -> Record:
    """Something done in the console that is no API call."""
    call = Call("billing", scene.draw.one(CONSOLE_ACTIONS))
    fields = call_fields(scene, call=call, caller=callers.root(scene)) | {"eventType": "AwsConsoleAction"}
    return assemble(fields, minor=scene.minor)


def shared_pair(scene: Scene) -> tuple[Record, Record]:
    """One call across accounts, as the caller's account and as the owner's account (the scene's) receive it.

    Both have the same sharedEventID; the owner learns only the caller's account.
    """
    theirs = replace(scene, cast=scene.draw.one(scene.neighbours), neighbours=(scene.cast,), values={})
    caller = callers.assumed_role(theirs)
    fields = call_fields(scene, call=scene.draw.one((DECRYPT, ASSUME_ROLE, GET_OBJECT)), caller=caller)
    fields["sharedEventID"] = scene.draw.uuid()
    who = {"type": "AWSAccount", "principalId": caller.identity["principalId"], "accountId": theirs.account}
    for_owner = {**fields, "userIdentity": who, "eventID": scene.draw.uuid()}
    for_caller = {**fields, "recipientAccountId": theirs.account}
    return assemble(for_caller, minor=scene.minor), assemble(for_owner, minor=scene.minor)


def network_activity(scene: Scene) -> Record:
    """A call through a VPC endpoint as the endpoint's owner sees it; a fifth is denied by the endpoint's policy."""
    call = scene.draw.pick(_NETWORK)
    foreign = scene.draw.chance(0.3)
    fields: dict[str, Any] = {
        "userIdentity": (callers.aws_account if foreign else callers.assumed_role)(scene).identity,
        "eventTime": wire_time(scene.at),
        "eventSource": SERVICES[call.service].source,
        "eventName": call.name,
        "awsRegion": scene.region,
        "sourceIPAddress": scene.value("ip"),
        "requestID": scene.draw.uuid(),
        "eventID": scene.draw.uuid(),
        "eventType": "AwsVpceEvent",
        "recipientAccountId": scene.account,
        "sharedEventID": scene.draw.uuid(),
        "vpcEndpointId": f"vpce-{scene.draw.hex(17)}",
        "vpcEndpointAccountId": scene.account,
        "eventCategory": "NetworkActivity",
    }
    if scene.draw.chance(0.2):
        fields["errorCode"] = "VpceAccessDenied"
        fields["errorMessage"] = "The request was denied due to a VPC endpoint policy"
    return assemble(fields, minor=max(scene.minor, 9))


def tls(scene: Scene, *, host: str) -> dict[str, str]:
    """The tlsDetails of a call to ``host``; newer records tell the key exchange."""
    version, suite = scene.draw.pick(_TLS)
    details = {"tlsVersion": version, "cipherSuite": suite, "clientProvidedHostHeader": host}
    if scene.minor >= 11 and scene.draw.chance(0.6):
        details["keyExchange"] = scene.draw.one(_KEY_EXCHANGES)
    return details


def _finished(scene: Scene, *, call: Call, caller: Caller) -> Record:
    fields = call_fields(scene, call=call, caller=caller)
    if caller.direct and not call.details and scene.draw.chance(_ERROR_SHARE):
        fail(scene, fields, code=_error_code(scene.draw, call))
    elif caller.direct:
        make_odd(scene, fields)
    return assemble(fields, minor=scene.minor)


def _error_code(draw: Draw, call: Call) -> str:
    service = SERVICES[call.service]
    return draw.one((service.denied, service.denied, service.denied, service.throttled, service.missing))


def _message(scene: Scene, fields: Mapping[str, Any], code: str) -> str:
    service = str(fields["eventSource"]).partition(".")[0]
    action = f"{service}:{_VERSION_IN_NAME.sub('', fields['eventName'])}"
    if "Denied" not in code and "Unauthorized" not in code:
        return "Rate exceeded" if "hrottl" in code or "Limit" in code else "The specified resource does not exist."
    who = fields["userIdentity"].get("arn", "anonymous")
    denial = f"User: {who} is not authorized to perform: {action}"
    if service != "ec2":
        return f"{denial} because no identity-based policy allows the {action} action"
    encoded = scene.draw.base64(scene.draw.number(300, 700))
    return (
        f"You are not authorized to perform this operation. {denial}. Encoded authorization failure message: {encoded}"
    )


def _host(scene: Scene, call: Call) -> str:
    service = SERVICES[call.service]
    name, _, rest = service.source.partition(".")
    return service.source if service.everywhere else f"{name}.{scene.region}.{rest}"
