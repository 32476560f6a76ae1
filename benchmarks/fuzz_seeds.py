"""What fuzzing begins with: one generator of inputs for each parser, made by the package's own generator."""

import base64
import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.quarantine import to_line
from cloudtrail_processing.testing import Damage, Generator, damaged, messages, record
from cloudtrail_processing.testing.generator import plain

LONGEST = 4_096
"""The most bytes of one input."""
GZIPPED = b"z"
"""An input for logs that begins so is compressed first: mutated bytes would hardly ever have a right checksum."""

CERTIFICATE = base64.b64decode(
    "MIIC+TCCAeGgAwIBAgIUS7GavaYwgjXM5XDsi/5lScbKCEgwDQYJKoZIhvcNAQEL"
    "BQAwDjEMMAoGA1UEAwwDc25zMCAXDTI2MTEyNDAzMDcyMFoYDzIxMjYxMDMxMDMw"
    "NzIwWjAOMQwwCgYDVQQDDANzbnMwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK"
    "AoIBAQCUcXeeJywvYeyhDvP86z3egWV9MacZ+rz/e4ZB3nQSzn8cdpTzKsUxbees"
    "zYI1JH0Fdvpn9nO9SPkxAQTReXjlVeSTbT5N0QhQ+ZEMV0c7ojUTYwsyMM/47auT"
    "tmQqSRCY87deE5jLNif+TUmDEsRUN/gU9xfCn5lJPPXeZjqpEIAEvu16xoIydCkU"
    "R1bukYjVB7NPv1bSivOtMq15lXMfs0Mm8tAfnHl2kss1oTZQR97kaM04/jLGnDeW"
    "I+1d9hZ511nOAtME2zGzsr1PkPzeVaA9Ukg4oDf8hvM4O1Yc0HMc0ixZ1TKpczbL"
    "E5yb59WBJlDupx2TaydC+ay+X/uPAgMBAAGjTTBLMB0GA1UdDgQWBBRbLYWh372q"
    "v3XF9VyUyi3j4aquXjAfBgNVHSMEGDAWgBRbLYWh372qv3XF9VyUyi3j4aquXjAJ"
    "BgNVHRMEAjAAMA0GCSqGSIb3DQEBCwUAA4IBAQBQNjtCCB2L9BfVahFNCnkqm2pl"
    "/xGNmlMLL6HToTIfN6DP7FY/vAICYJv2v0zx74rb8zrPPSP28kPhEyfhf1O+4956"
    "ghJhAMaMb3oV1Fp94ztZymkZPqpoj8nr9mqaMbxlCkmmk7nWMOqbqmFsZgo88L3N"
    "F8/VIlh8QanH44O/cnNUFPs1lfBZYTzFKhKs6STOvmHJRlU2ty7jE+hXfCtHRkTF"
    "q1OK08YjVHKy0KqxH1G1LWFabL2GqYJQImoRbO1LkYC7v7BNjWWs1Nb/Kbm6aj+N"
    "94FIkbd+9QJh9BzKeV8MAcIY+NtFHK4z26Qm083m1nk93/tnxNXErIJcoTZv"
)
"""A self-signed certificate with an RSA key of 2048 bits, which nobody has kept."""

Seeds = Callable[[], Iterable[bytes]]


def bodies() -> Iterator[bytes]:
    """Bodies of messages in every shape."""
    made = Generator(1)
    logs = [*made.logs(2, records=1), made.digest(), made.folder()]
    for log in logs:
        yield from (write(log).encode() for write in messages.LOG_SHAPES.values())
    yield from (write().encode() for write in messages.HARMLESS_SHAPES.values())
    yield messages.subscription_confirmation().encode()
    yield messages.s3_event(*logs[:2], event_name="ObjectRemoved:Delete").encode()
    yield messages.sns_envelope(messages.cloudtrail_sns(*logs[:2])).encode()
    yield json.dumps({"Records": [record()]}).encode()
    yield json.dumps({"detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "detail": record()}).encode()
    yield b'{"Type":"Notification","Message":{"Records":[{"eventVersion":"1","eventID":"x"}]}}'
    yield b'{"Type":"Notification","Message":' + b'{"a":' * 700 + b"1" + b"}" * 701


def keys() -> Iterator[bytes]:
    """``bucket`` and ``key``, with a line break between them."""
    made = Generator(2, prefix="pre/fix", organization="o-abcdefghij")
    logs = [*made.logs(20, records=1), made.digest(), made.folder()]
    yield from (f"{log.bucket}\n{log.key}".encode() for log in logs)
    yield from (f"\n{log.key.rpartition('/')[2]}".encode() for log in logs)


def logs() -> Iterator[bytes]:
    """Logs as stored: good, damaged in every way, deep, and one that inflates a thousandfold."""
    made = Generator(3)
    for log in (made.log(records=1), made.log(records=3), made.log(records=0)):
        yield log.body
        yield GZIPPED + plain(log).body
        yield plain(log).body
        yield from (damaged(log, damage).body for damage in Damage if damage is not Damage.BOMB)
    yield GZIPPED + b'{"Records":[' + b"[" * 1_200 + b"]" * 1_200 + b"]}"
    yield GZIPPED + b'\xef\xbb\xbf [1, {}, {"eventID" : 1.5e400}]\n'
    yield gzip.compress(b" " * 2**21, mtime=0)


def forms() -> Iterator[bytes]:
    """Logs, and every other form in which records are found."""
    yield from logs()
    one = record()
    looked_up = {"EventId": "x", "Resources": [], "CloudTrailEvent": json.dumps(one)}
    bridged = {"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": one}
    payload = {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": json.dumps(one)}]}
    control = {"messageType": "CONTROL_MESSAGE", "logEvents": []}
    found = (one, looked_up, {"Events": [looked_up]}, bridged, payload, control)
    yield from (json.dumps(form).encode() for form in found)
    yield json.dumps([*found, {"detail-type": "GuardDuty Finding", "detail": {}}]).encode()
    yield b"\n\n".join(json.dumps(form).encode() for form in found)


def records() -> Iterator[bytes]:
    """Records of every kind, and deep ones."""
    made = Generator(4)
    single = [made.management(), made.data(), made.console_sign_in(), made.service_event(), made.network_activity()]
    for one in (*single, made.console_action(), made.aggregated(), *made.insight_pair(), *made.shared_pair()):
        yield json.dumps(one, separators=(",", ":")).encode()
    yield from (json.dumps(one).encode() for one in made.records(60))
    yield b'{"eventData":{"version":"1","userIdentity":{"type":"x","details":{}}},"eventType":"ActivityLog"}'
    yield b'{"eventVersion":"1.11","userIdentity":' + b"[" * 400 + b"]" * 400 + b"}"


def lines() -> Iterator[bytes]:
    """Lines of a quarantine."""
    log = Generator(6).log(records=1).log_object
    for raw in (b'{"eventID": 1', b"\xff\x00", b""):
        rejected = RejectedRecord(log=log, index=3, raw=raw, error="not valid JSON")
        yield to_line(rejected, time=datetime(2026, 1, 1, tzinfo=UTC))
    yield b'{"bucket":"","key":"a","version_id":"v","etag":null,"index":1e400,"error":"","time":"2026-01-01","raw":""}'


def senders() -> Iterator[bytes]:
    """SNS's envelopes, as if signed."""
    for inner in ("x", messages.s3_test_event()):
        envelope = json.loads(messages.sns_envelope(inner, subject="s"))
        envelope["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com/x.pem"
        yield from (json.dumps({**envelope, "SignatureVersion": version}).encode() for version in ("1", "2"))
    yield messages.subscription_confirmation().encode()


def certificates() -> Iterator[bytes]:
    """A certificate, as its bytes."""
    yield CERTIFICATE


def digests() -> Iterator[bytes]:
    """Digest files, inflated."""
    made = Generator(5)
    yield gzip.decompress(made.digest().body)
    yield gzip.decompress(made.digest(made.logs(2, records=2)).body)


def toml() -> Iterator[bytes]:
    """Settings files of ours."""
    yield b'processor = ["a:B"]\nqueue_url = "https://sqs.eu-west-1.amazonaws.com/1/q"\nthreads = 4\npollers = 2\n'
    yield b'\xef\xbb\xbfwhere = "event_name=A*"\nlog_level = "debug"\ngrace_time = 1.5\nallowed_buckets = ["a*"]\n'
    yield b'[options]\npath = "x"\nn = 5\n[options.jsonl]\nwhen = 2026-01-01T00:00:00Z\nr = nan\n'
    yield b"checkpoint = 'sqlite:x'\nmissing_log = 'skip'\nmax_ratio = 0x20\nrequest_payer = true\ndeduplicate = inf\n"
    yield b"options = " + b"[" * 1_500


def java() -> Iterator[bytes]:
    """Settings files of the Java library."""
    yield b"accessKey = a\nsecretKey = b\nsqsUrl = https://sqs.us-east-1.amazonaws.com/1/q\nsqsRegion: us-east-1\n"
    yield b"# c\n! d\nvisibilityTimeout 60\nthreadCount=2\r\nnumOfParallelReaders=3\\\n 4\nmaxEventsPerEmit=\\u0035\n"
    yield b"threadTerminationDelaySeconds = 60 \ns3Region = x\nenableRawEventInfo=true\ndeleteMessageUponFailure=no\n"


def variables() -> Iterator[bytes]:
    """Variables of the environment without their prefix, one per line."""
    yield b'PROCESSOR=["a:B","c"]\nOPTIONS={"a":1,"b":{"c":null}}\nTHREADS=3\nPOLLERS=9'
    yield b"WHERE=event_name=A\nQUEUE_URL=http://x\nLOG_FORMAT=json\nVERIFY_SNS=true\nGRACE_TIME=1e3\nTHREAD=1"
    yield b"ALLOWED_ACCOUNTS=[1]\nBUCKET_OWNERS=[\nmissing_log=retry\nOPTIONS=[[[["
    yield b"OPTIONS=" + b'{"a":' * 700
    yield b"WHERE=" + b"[" * 1_500


def options() -> Iterator[bytes]:
    """Options of processors, as on the command line."""
    yield from (b"size=5", b"name=prod/db", b"id='1'", b'n=["A","B"]', b"t={a=1}", b'j={"a":null}', b"at=2026-01-01")
    yield from (b"x=" + b"[" * 1_500, b"n=" + b"9" * 5_000, b"f=1e400", b"a=b\nc=d", b'u="\\ud800"', b"d = 12:30:00")


def wishes() -> Iterator[bytes]:
    """Conditions as text."""
    yield b"event_source=iam.amazonaws.com,event_name!=Get*|List*,failed=true,read_only=False"
    yield b"since=2026-01-31T12:00:00+02:00,until=2027-01-31,category=Data|Ins*,region='eu-west-1'"
    yield b'source_ip=10.0.0.0/8|2001:db8::/32|::1|*.amazonaws.com,user_agent="a, \\"b|"|c,arn!=*:root'
    yield b"account_id=111122223333,identity_type=Root,user_name=?,principal_id=a,error_code=*,event_type=b"


def globs() -> Iterator[bytes]:
    """What is asked for, alternatives at ``|``, and one text per line to ask of."""
    yield b"a*b?c|x\nabbc\nx"
    yield b"10.0.0.0/8|::/0|1.2.3.4\n10.1.1.1\n::ffff:1.2.3.4\nAWS Internal"
    yield b"[a]*.(b\n[a].(b"
    yield b"*a" * 40 + b"\n" + b"a" * 900


def and_real(seeds: Seeds, *suffixes: str, most: int = 100) -> Seeds:
    """``seeds``, and small real files from the folder that ``CLOUDTRAIL_CORPORA`` names, where it does."""
    return lambda: (*seeds(), *_real(suffixes, most))


def _real(suffixes: tuple[str, ...], most: int) -> Iterator[bytes]:
    folder = os.environ.get("CLOUDTRAIL_CORPORA", "")
    files = sorted(file for file in Path(folder).rglob("*") if file.name.endswith(suffixes)) if folder else []
    small = [file for file in files if 0 < file.stat().st_size <= LONGEST]
    step = max(1, len(small) // most)
    yield from (file.read_bytes() for file in small[::step][:most])
    for file in files:
        if file.suffix == ".jsonl":
            yield from (line for line in file.read_bytes().splitlines()[:most] if 0 < len(line) <= LONGEST)
