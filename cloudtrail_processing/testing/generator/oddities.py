"""Rare things that real records have and simple parsers trip over, each with how often it happens."""

from collections.abc import Callable
from typing import Any

from cloudtrail_processing.testing.generator.draw import Weighted
from cloudtrail_processing.testing.generator.scene import Scene, wire_time

Fields = dict[str, Any]
Oddity = Callable[[Scene, Fields], None]


def omitted_content(scene: Scene, fields: Fields) -> None:
    """A free-form field over its size limit is replaced by a note of its size; the note's members are text."""
    name = scene.draw.one(("requestParameters", "responseElements", "additionalEventData"))
    size = str(scene.draw.number(102_401, 262_144))
    fields[name] = {"reason": f"{name} too large", "omitted": "true", "originalSize": size}


def late_delivery(scene: Scene, fields: Fields) -> None:
    """The record comes late, or corrects one that was delivered before."""
    addendum: Fields = {"reason": scene.draw.one(("DELIVERY_DELAY", "SERVICE_OUTAGE", "UPDATED_DATA"))}
    if addendum["reason"] == "UPDATED_DATA":
        addendum["updatedFields"] = "errorCode,responseElements"
        addendum["originalRequestID"] = fields.get("requestID", scene.draw.uuid())
        addendum["originalEventID"] = scene.draw.uuid()
    fields["addendum"] = addendum


def edge_device(scene: Scene, fields: Fields) -> None:
    """The call went to a device outside AWS's own buildings."""
    outpost = f"arn:aws:outposts:{scene.region}:{scene.account}:outpost/op-{scene.draw.hex(17)}"
    fields["edgeDeviceDetails"] = {"type": "S3_OUTPOSTS", "outpostArn": outpost, "deviceId": scene.draw.uuid()}


def enriched(scene: Scene, fields: Fields) -> None:
    """The record carries tags and condition keys."""
    fields["eventContext"] = {
        "requestContext": {
            "aws:ViaAWSService": "false",
            "aws:PrincipalOrgPaths": ["o-exampleorg1/r-a1b2/ou-a1b2-app/"],
            "aws:CurrentTime": wire_time(scene.at),
        },
        "tagContext": {"principalTags": {"team": "orders"}, "resourceTags": [{"arn": "*", "tags": {"stage": "prod"}}]},
    }


def private_endpoint(scene: Scene, fields: Fields) -> None:
    """The call came through a VPC endpoint, from a private address."""
    fields["sourceIPAddress"] = scene.value("ip")
    fields["vpcEndpointId"] = f"vpce-{scene.draw.hex(17)}"
    fields["vpcEndpointAccountId"] = scene.account


def internal_endpoint(_scene: Scene, fields: Fields) -> None:
    """The call came from inside AWS; the names of services stand where addresses and ids are expected."""
    fields["sourceIPAddress"] = "AWS Internal"
    fields["userAgent"] = "AWS Internal"
    fields["vpcEndpointId"] = "AWS Internal"


def hidden_parameters(_scene: Scene, fields: Fields) -> None:
    """A whole object is hidden: text stands where an object is expected."""
    if fields["requestParameters"]:
        first = next(iter(fields["requestParameters"]))
        fields["requestParameters"] = {**fields["requestParameters"], first: "HIDDEN_DUE_TO_SECURITY_REASONS"}


def in_scope(scene: Scene, fields: Fields) -> None:
    """The credentials were issued to a Lambda function, or used for a delegated product provider."""
    function = f"arn:aws:lambda:{scene.region}:{scene.account}:function:{scene.value('function')}"
    scope = {"sourceArn": function, "sourceAccount": scene.account, "issuerType": "AWS::Lambda::Function"}
    fields["userIdentity"]["inScopeOf"] = {**scope, "credentialsIssuedTo": function}
    if scene.draw.chance(0.4):
        fields["userIdentity"]["invokedByDelegate"] = {"accountId": scene.value("other")}


def missing_identity_parts(scene: Scene, fields: Fields) -> None:
    """An empty access key, or none."""
    if scene.draw.chance(0.5):
        fields["userIdentity"]["accessKeyId"] = ""
    else:
        fields["userIdentity"].pop("accessKeyId", None)


_SHARE = 0.11
_ODDITIES: Weighted[Oddity] = Weighted(
    (
        (omitted_content, 12),
        (late_delivery, 10),
        (edge_device, 8),
        (enriched, 20),
        (private_endpoint, 30),
        (internal_endpoint, 10),
        (hidden_parameters, 6),
        (in_scope, 8),
        (missing_identity_parts, 6),
    )
)


def make_odd(scene: Scene, fields: Fields) -> None:
    """Now and then add one oddity to the ``fields`` of a record; mostly do nothing."""
    if scene.draw.chance(_SHARE):
        scene.draw.pick(_ODDITIES)(scene, fields)
