"""Logs that no digest lists, told from those whose digest is gone."""

from audited import audited, bad, digests, logs

from cloudtrail_processing.audit import What
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import Remove, SignedTrail


def test_logs_that_were_written_right_after_the_window_before_a_deleted_digest_are_unproven_and_not_called_added() -> (
    None
):
    trail = SignedTrail(hours=8, logs=14)
    findings = bad(audited(trail.tampered(Remove(*digests(trail)[4]))))
    assert sorted(findings) == sorted(
        [
            (What.DIGEST, State.NOT_FOUND, digests(trail)[4][1]),
            *((What.LOG, State.UNPROVEN, key) for _, key in logs(trail, 4)),
        ]
    )
