"""CloudTrail, Organizations and STS, as far as who proves a trail asks them: about trails, keys, and the caller."""

import base64
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.aws.http import Answer, Request, answer
from benchmarks.aws.layout import Key, Layout, Trail
from benchmarks.aws.logs import REGION

_TARGET = b"x-amz-target"
_SERVICES = (b"com.amazonaws.cloudtrail.", b"CloudTrail_", b"AWSOrganizations")
_JSON = "Content-Type: application/x-amz-json-1.1"
_REQUEST = "x-amzn-RequestId: 00000000-0000-4000-a000-000000000000"
_SCOPE = re.compile(rb"Credential=[^/]+/\d{8}/([a-z0-9-]+)/")
_DAY = 86_400
_IDENTITY = b"Action=GetCallerIdentity"

Asked = dict[str, Any]


class _Refused(Exception):
    """What is asked for is not there: the class of the error, and its text."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Trails:
    """Answers requests about the trails of a layout."""

    def __init__(self, layout: Layout) -> None:
        self.requests: Counter[str] = Counter()
        self._layout = layout
        self._operations: dict[str, Callable[[Asked, str], Asked]] = {
            "DescribeTrails": self._describe,
            "GetTrail": lambda asked, _: {"Trail": _told(self._named(str(asked.get("Name"))))},
            "GetTrailStatus": self._status,
            "ListTrails": self._list,
            "ListPublicKeys": self._public_keys,
            "DescribeOrganization": lambda _, __: {"Organization": self._organization()},
        }

    def takes(self, request: Request) -> bool:
        """Whether the request is for one of these services."""
        return request.headers.get(_TARGET, b"").startswith(_SERVICES) or _IDENTITY in request.body

    def answer(self, request: Request) -> Answer:
        """What they say, without any delay."""
        if _TARGET not in request.headers:
            self.requests["GetCallerIdentity"] += 1
            return answer(200, _identity(self._layout.account), "Content-Type: text/xml", _REQUEST)
        operation = request.headers[_TARGET].decode().rpartition(".")[2]
        self.requests[operation] += 1
        region = _SCOPE.search(request.headers.get(b"authorization", b""))
        try:
            perform = self._operations.get(operation, _unknown)
            told = perform(orjson.loads(request.body or b"{}"), region[1].decode() if region else REGION)
        except _Refused as error:
            told = {"__type": error.code, "message": str(error)}
            return answer(400, orjson.dumps(told), _JSON, _REQUEST)
        return answer(200, orjson.dumps(told), _JSON, _REQUEST)

    def _describe(self, asked: Asked, region: str) -> Asked:
        names = asked.get("trailNameList")
        return {"trailList": [_told(it) for it in self._layout.trails if not names or {it.name, it.arn} & set(names)]}

    def _list(self, asked: Asked, region: str) -> Asked:
        return {"Trails": [{"TrailARN": it.arn, "Name": it.name, "HomeRegion": it.home} for it in self._layout.trails]}

    def _status(self, asked: Asked, region: str) -> Asked:
        self._named(str(asked.get("Name")))
        return {"IsLogging": True, "LatestDigestDeliveryTime": time.time()}

    def _named(self, name: str) -> Trail:
        for trail in self._layout.trails:
            if name in (trail.name, trail.arn):
                return trail
        raise _Refused("TrailNotFoundException", f"Unknown trail: {name}")

    def _organization(self) -> Asked:
        if self._layout.organization is None:
            raise _Refused("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
        account, known = self._layout.account, self._layout.organization
        arn = f"arn:aws:organizations::{account}:organization/{known}"
        return {"Id": known, "Arn": arn, "MasterAccountId": account, "FeatureSet": "ALL"}

    def _public_keys(self, asked: Asked, region: str) -> Asked:
        """The keys of the region that the request is signed for, which were valid in the time asked for."""
        end = float(asked.get("EndTime") or time.time())
        start = float(asked.get("StartTime") or end - _DAY)
        if start > end:
            raise _Refused("InvalidTimeRangeException", "The start time is after the end time.")
        first = int(asked.get("NextToken") or 0)
        found = [
            _key(it)
            for it in self._layout.keys
            if it.region == region and it.start.timestamp() <= end and it.end.timestamp() >= start
        ]
        shown = found[first : (behind := first + self._layout.page)]
        return {"PublicKeyList": shown, **({"NextToken": str(behind)} if behind < len(found) else {})}


def _unknown(asked: Asked, region: str) -> Asked:
    raise _Refused("UnknownOperationException", "This operation is not simulated.")


def _told(trail: Trail) -> Asked:
    prefix = {"S3KeyPrefix": trail.prefix} if trail.prefix else {}
    return {
        "Name": trail.name,
        "TrailARN": trail.arn,
        "S3BucketName": trail.bucket,
        **prefix,
        "HomeRegion": trail.home,
        "IsMultiRegionTrail": True,
        "IncludeGlobalServiceEvents": True,
        "IsOrganizationTrail": trail.is_organization,
        "LogFileValidationEnabled": True,
        "HasCustomEventSelectors": False,
        "HasInsightSelectors": False,
    }


def _key(key: Key) -> Asked:
    return {
        "Value": base64.b64encode(key.value).decode(),
        "ValidityStartTime": _seconds(key.start),
        "ValidityEndTime": _seconds(key.end),
        "Fingerprint": key.fingerprint,
    }


def _seconds(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()


def _identity(account: str) -> bytes:
    told = f"<Arn>arn:aws:iam::{account}:user/auditor</Arn><UserId>AIDAEXAMPLE</UserId><Account>{account}</Account>"
    result = f"<GetCallerIdentityResult>{told}</GetCallerIdentityResult>"
    space = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
    return f"<GetCallerIdentityResponse {space}>{result}</GetCallerIdentityResponse>".encode()
