"""Reports of many processes make one, and errors come out of another process as what they were."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    CredentialsError,
    LogGone,
    ProcessorError,
    SettingsError,
)
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.supervisor.reports import Report, Trouble, join

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def health(state: HealthState, why: str = "", *, minutes: int = 0) -> Health:
    return Health(state, why, T0 + timedelta(minutes=minutes))


def test_counts_are_summed() -> None:
    joined = join([{"logs": 2, "events": 5}, {}, {"logs": 1}], [health(HealthState.OK)], alive=2, processes=3)
    assert (joined.counts, joined.alive, joined.processes) == ({"logs": 3, "events": 5}, 2, 3)


def test_the_worst_health_wins_and_says_each_reason_once() -> None:
    healths = [
        health(HealthState.PAUSED, "403 on everything", minutes=3),
        health(HealthState.OK),
        health(HealthState.PAUSED, "403 on everything", minutes=2),
        health(HealthState.PAUSED, "no credentials", minutes=5),
    ]
    assert join([], healths, alive=4, processes=4).health == health(
        HealthState.PAUSED, "403 on everything; no credentials", minutes=2
    )


@pytest.mark.parametrize("worse", range(1, 4))
def test_failing_is_worse_than_paused_than_stopping_than_ok(worse: int) -> None:
    order = [HealthState.OK, HealthState.STOPPING, HealthState.PAUSED, HealthState.FAILING]
    healths = [health(state) for state in order[: worse + 1]]
    assert join([], healths, alive=1, processes=1).health.state is order[worse]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SettingsError("no queue"), SettingsError),
        (ConfigurationError("no such queue"), ConfigurationError),
        (CredentialsError("none"), ConfigurationError),
        (ProcessorError("start raised"), ProcessorError),
        (LogGone("gone"), CloudTrailProcessingError),
    ],
)
def test_an_error_arrives_as_the_nearest_class_that_the_command_line_tells_apart(
    error: CloudTrailProcessingError, kind: type[Exception]
) -> None:
    sent: Report = pickle.loads(pickle.dumps(Report(trouble=Trouble.of(error))))
    assert sent.trouble is not None
    arrived = sent.trouble.error()
    assert (type(arrived), str(arrived), arrived.__cause__) == (kind, str(error), None)


def test_what_user_code_raised_arrives_as_its_words() -> None:
    error = ProcessorError("start of Mine raised")
    error.__cause__ = LookupError("no table")
    assert str(Trouble.of(error).error().__cause__) == "no table"
