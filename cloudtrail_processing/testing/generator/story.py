"""One attack, told in records: from a leaked key to stolen data and erased traces."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from cloudtrail_processing.testing.generator import cast as names
from cloudtrail_processing.testing.generator.api import SERVICES
from cloudtrail_processing.testing.generator.callers import Caller
from cloudtrail_processing.testing.generator.cast import Cast, User
from cloudtrail_processing.testing.generator.draw import Draw
from cloudtrail_processing.testing.generator.records import CALLS, call_fields, fail
from cloudtrail_processing.testing.generator.scene import Record, Scene, assemble, wire_time
from cloudtrail_processing.testing.generator.signins import login_data, sign_in_record, user_identity

INTRUDER_ADDRESSES = ("203.0.113.66", "2001:db8:bad:cafe::66")
"""Where the intruder calls from: first the address from which the key is tried, later the one that takes the data."""
BACKDOOR_USER = "support-backup"
"""The user that the intruder creates."""
LEAKED_USER = names.ROBOTS[0]
"""The user whose access key leaked."""

_TOOL = "Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux#6.6.15-amd64 md/arch#x86_64 lang/python#3.11.8 kali"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"
_SIGN_IN = "ConsoleLogin"
_MINOR = 11


class Step(NamedTuple):
    """``after`` is in seconds from the step before; ``values`` fixes placeholders of the call's templates."""

    after: int
    actor: str
    call: str
    denied: bool = False
    values: tuple[tuple[str, str], ...] = ()


def _secret(after: int, name: str) -> Step:
    return Step(after, "key", "GetSecretValue", values=(("secret", name),))


def _theft(after: int, month: int) -> Step:
    values = (("key", f"exports/customers-2026-{month:02d}.parquet"), ("bytes", str(734_003_200 + month * 1_048_576)))
    return Step(after, "thief", "GetObject", values=values)


STEPS = (
    Step(0, "leaked", "GetCallerIdentity"),
    Step(41, "leaked", "ListUsers", denied=True),
    Step(2, "leaked", "ListRoles", denied=True),
    Step(3, "leaked", "GetAccountSummary", denied=True),
    Step(2, "leaked", "DescribeInstances", denied=True),
    Step(4, "leaked", "ListSecrets", denied=True),
    Step(3, "leaked", "ListFunctions20150331", denied=True),
    Step(95, "leaked", "ListAttachedUserPolicies", values=(("user", LEAKED_USER),)),
    Step(212, "leaked", "CreateUser"),
    Step(6, "leaked", "CreateAccessKey"),
    Step(9, "leaked", "AttachUserPolicy"),
    Step(31, "leaked", "CreateLoginProfile"),
    Step(188, "console", _SIGN_IN),
    Step(240, "key", "ListSecrets"),
    _secret(18, "prod/db/password"),
    _secret(2, "prod/payments/api-key"),
    _secret(2, "prod/mail/smtp"),
    _secret(3, "prod/crm/token"),
    Step(130, "key", "ListBuckets"),
    Step(75, "thief", "ListObjects"),
    _theft(22, 6),
    _theft(64, 7),
    _theft(71, 8),
    Step(155, "console", "DescribeTrails"),
    Step(26, "console", "StopLogging"),
    Step(14, "console", "DeleteTrail"),
    Step(58, "console", "DeleteFlowLogs"),
)
"""The story, step by step. What follows StopLogging is still seen: the organization's own trail goes on."""

_LOGIN = timedelta(seconds=sum(step.after for step in STEPS[: [step.call for step in STEPS].index(_SIGN_IN) + 1]))


def tell(draw: Draw, *, cast: Cast, region: str, start: datetime) -> list[Record]:
    """The records of the story in order, beginning at ``start``, in ``region`` of the account of ``cast``."""
    backdoor = User(
        name=BACKDOOR_USER,
        principal_id=draw.unique_id("AIDA", cast.account),
        access_key=draw.unique_id("AKIA", cast.account),
        address=INTRUDER_ADDRESSES[0],
        agent=_TOOL,
    )
    fixed = {
        "newuser": backdoor.name,
        "akia": backdoor.access_key,
        "aida": backdoor.principal_id,
        "bucket": cast.bucket("customer-exports"),
    }
    at, told = start.replace(microsecond=0), list[Record]()
    for step in STEPS:
        at += timedelta(seconds=step.after)
        values = {**fixed, **dict(step.values)}
        scene = Scene(draw, cast, region=region, at=at, home=True, neighbours=(cast,), minor=_MINOR, values=values)
        told.append(_record(scene, step=step, backdoor=backdoor, login=start + _LOGIN))
    return told


def _record(scene: Scene, *, step: Step, backdoor: User, login: datetime) -> Record:
    if step.call == _SIGN_IN:
        identity = user_identity(scene, backdoor)
        extra = login_data(scene, mfa="")
        return sign_in_record(scene, identity=identity, extra=extra, source=(INTRUDER_ADDRESSES[0], _BROWSER))
    call = CALLS[step.call]
    fields = call_fields(scene, call=call, caller=_ACTORS[step.actor](scene, backdoor, login))
    if step.denied:
        fail(scene, fields, code=SERVICES[call.service].denied)
    return assemble(fields, minor=_MINOR)


def _with_key(scene: Scene, user: User, where: str) -> Caller:
    return Caller({**user_identity(scene, user), "accessKeyId": user.access_key}, where, _TOOL)


def _leaked(scene: Scene, _backdoor: User, _login: datetime) -> Caller:
    user = next(user for user in scene.cast.users if user.name == LEAKED_USER)
    return _with_key(scene, user, INTRUDER_ADDRESSES[0])


def _key(scene: Scene, backdoor: User, _login: datetime) -> Caller:
    return _with_key(scene, backdoor, INTRUDER_ADDRESSES[0])


def _thief(scene: Scene, backdoor: User, _login: datetime) -> Caller:
    return _with_key(scene, backdoor, INTRUDER_ADDRESSES[1])


def _console(scene: Scene, backdoor: User, login: datetime) -> Caller:
    attributes = {"creationDate": wire_time(login), "mfaAuthenticated": "false"}
    session = {"sessionIssuer": {}, "webIdFederationData": {}, "attributes": attributes}
    key = scene.draw.unique_id("ASIA", scene.account)
    identity = {**user_identity(scene, backdoor), "accessKeyId": key, "sessionContext": session}
    return Caller(identity, INTRUDER_ADDRESSES[0], _BROWSER, fields={"sessionCredentialFromConsole": "true"})


_ACTORS: Mapping[str, Callable[[Scene, User, datetime], Caller]] = MappingProxyType(
    {"leaked": _leaked, "key": _key, "thief": _thief, "console": _console}
)
