"""What may not be read or listed, or does not answer, is told, and everything else is audited."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from audited import HOUR, bad, digests, exit_of, logs, span

from cloudtrail_processing.audit import Finding, Journal, Scope, What, audit
from cloudtrail_processing.errors import ConfigurationError, CredentialsError, SettingsError, TransientError
from cloudtrail_processing.flow import PublicKey
from cloudtrail_processing.integrity import State
from cloudtrail_processing.ports import Listed
from cloudtrail_processing.testing import FakeBuckets, SignedTrail

TRAIL = SignedTrail(2, hours=30, logs=1, regions=("eu-west-1", "us-east-1"))
BUCKET = digests(TRAIL)[0][0]
DIGESTS, LOGS = ("CloudTrail-Digest/eu-west-1/", "CloudTrail/eu-west-1/2026/09/15/")


class Refusing(FakeBuckets):
    """Buckets where listing what has ``part`` in its prefix fails, and keys of one region cannot be had."""

    def __init__(self, error: Exception, *, part: str = "nothing", region: str = "") -> None:
        super().__init__(TRAIL.objects)
        self._error = error
        self._part = part
        self._region = region

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        if self._part in prefix:
            raise self._error
        return super().objects(bucket, prefix, after=after)

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        if region == self._region:
            raise self._error
        return TRAIL.keys(region=region, first=first, last=last)


def told(buckets: Refusing, journal: Journal | None = None) -> list[Finding]:
    scope, now = Scope(BUCKET, span(TRAIL)), span(TRAIL).last + 2 * HOUR
    return list(audit(scope, store=buckets, listing=buckets, keys=buckets, now=now, threads=4, journal=journal))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConfigurationError("AccessDenied;\n allow \x1b[2Jit"), State.FORBIDDEN),
        (TransientError("SlowDown"), State.UNREADABLE),
    ],
)
@pytest.mark.parametrize("what", [{"part": DIGESTS}, {"part": LOGS}, {"region": "eu-west-1"}], ids=str)
def test_a_folder_or_a_key_that_cannot_be_had_is_a_finding(
    error: Exception, state: State, what: dict[str, str]
) -> None:
    findings = told(Refusing(error, **what))
    assert {(it.what, it.state, it.region) for it in findings if it.state is not State.VALID} == {
        (What.TRAIL, state, "eu-west-1")
    }
    assert all(it.detail.isprintable() for it in findings)
    assert sum(it.region == "us-east-1" and it.state is State.VALID for it in findings) == 60
    assert exit_of(findings) == "INCOMPLETE"


@pytest.mark.parametrize("part", [DIGESTS, LOGS])
def test_credentials_that_end_in_the_middle_end_the_audit(part: str) -> None:
    with pytest.raises(CredentialsError, match="expired"):
        told(Refusing(CredentialsError("expired"), part=part))


def test_public_keys_of_a_region_that_the_account_has_not_enabled_are_a_finding() -> None:
    findings = told(Refusing(CredentialsError("UnrecognizedClientException"), region="eu-west-1"))
    assert [(what, state) for what, state, _ in bad(findings)] == [(What.TRAIL, State.FORBIDDEN)]


def test_what_could_not_be_read_is_looked_at_again_by_the_same_command_and_nothing_else_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit.db")
    for what in ({"part": DIGESTS}, {"part": LOGS}, {"region": "eu-west-1"}):
        assert exit_of(told(Refusing(TransientError("SlowDown"), **what), journal)) == "INCOMPLETE"
    healed = Refusing(TransientError("never"))
    assert exit_of(told(healed, journal)) == "VALID"
    days = {key.split("/")[-4:-1][2] for _, key in healed.fetched if "us-east-1/2026" in key}
    assert days == set(), "the days of the other region were done"
    assert exit_of(told(Refusing(SettingsError("never asked"), part="nothing"), journal)) == "VALID"


def test_an_object_that_may_be_read_at_last_is_looked_at_again(tmp_path: Path) -> None:
    journal, log = Journal(tmp_path / "audit.db"), logs(TRAIL, 3)[0]
    scope, now = Scope(BUCKET, span(TRAIL)), span(TRAIL).last + 2 * HOUR
    exits = []
    for forbidden in ([log], []):
        buckets = FakeBuckets(TRAIL.objects, forbidden=forbidden)
        findings = audit(scope, store=buckets, listing=buckets, keys=TRAIL, now=now, threads=4, journal=journal)
        exits.append(exit_of(list(findings)))
        now += timedelta(days=1)
    assert exits == ["INCOMPLETE", "VALID"]
