"""A trail that was told to write to another bucket is followed there, and an audit of it ends."""

from audited import HOUR, audited, bad, digests, exit_of, span

from cloudtrail_processing.audit import What
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import SignedTrail
from cloudtrail_processing.testing.trail import FlipInside, Remove, Resign

BACK = SignedTrail(3, hours=12, logs=1, bucket="a-one", moves={4: "b-two", 8: "a-one"})
MOVED = SignedTrail(3, hours=12, logs=1, bucket="b-old", moves={7: "a-new"})


def test_a_trail_that_comes_back_to_a_bucket_is_audited_once_and_nothing_of_it_is_missing() -> None:
    findings = audited(BACK)
    assert bad(findings) == []
    assert sorted((it.bucket, it.key) for it in findings) == sorted(BACK.objects)


def test_a_digest_that_is_gone_from_the_bucket_in_between_is_missed() -> None:
    gone = digests(BACK)[5]
    findings = audited(BACK.tampered(Remove(*gone)))
    assert (What.DIGEST, State.NOT_FOUND, gone[1]) in bad(findings)
    assert exit_of(findings) == "INCOMPLETE"


def test_what_lies_in_the_bucket_before_a_move_is_looked_at_although_its_last_digests_are_gone() -> None:
    log = MOVED.windows[2].logs[0]
    for gone in ([6], [5, 6]):
        removed = [Remove(*digests(MOVED)[hour]) for hour in gone]
        findings = audited(MOVED.tampered(*removed, FlipInside("b-old", log, 100)))
        assert (What.LOG, State.HASH_DIFFERS, log) in bad(findings)
        missed = sum(it.count for it in findings if it.state in (State.NOT_FOUND, State.MISSING))
        assert missed == len(gone)
        assert exit_of(findings) == "INVALID"


def test_a_bucket_before_a_move_that_may_not_be_read_is_a_finding_and_not_the_end() -> None:
    last = digests(MOVED)[6]
    findings = audited(MOVED, forbidden=[last])
    assert [it[1:] for it in bad(findings)] == [(State.FORBIDDEN, last[1])]
    assert {it.last for it in findings if it.what is What.DIGEST and it.state is State.VALID} == {
        span(MOVED).first + hour * HOUR for hour in range(8, 13)
    }


def test_digests_that_name_each_other_in_a_circle_do_not_keep_an_audit_for_ever() -> None:
    newest, oldest = digests(BACK)[-1], digests(BACK)[0]
    named = {"previousDigestS3Bucket": newest[0], "previousDigestS3Object": newest[1]}
    told = {"previousDigestHashValue": "0" * 64, "previousDigestHashAlgorithm": "SHA-256"}
    findings = audited(BACK.tampered(Resign(*oldest, {**named, **told, "previousDigestSignature": "00"})))
    assert State.BROKEN_LINK in {state for _, state, key in bad(findings) if key == oldest[1]}
    assert len(findings) == len(BACK.objects)
