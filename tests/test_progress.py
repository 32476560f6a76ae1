"""Every step that starts is reported to end, and no reporter can disturb the work."""

import logging

import pytest

from cloudtrail_processing.errors import CorruptLog, Refuse, RetryLater
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.progress import (
    LoggingReporter,
    Progress,
    ProgressReporter,
    ProgressState,
    ProgressStatus,
    Reporters,
)

MESSAGE = QueueMessage("m-1", "body-canary", "receipt-canary")
LOG = LogObject("trail", "AWSLogs/log.json.gz")


class Recording(ProgressReporter):
    """Keeps what it is told; its tokens are numbers."""

    def __init__(self) -> None:
        self.starts: list[ProgressStatus] = []
        self.ends: list[tuple[ProgressStatus, object]] = []

    def report_start(self, status: ProgressStatus) -> object:
        self.starts.append(status)
        return len(self.starts)

    def report_end(self, status: ProgressStatus, token: object) -> None:
        self.ends.append((status, token))


class Raising(ProgressReporter):
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def report_start(self, status: ProgressStatus) -> object:
        raise self._error

    def report_end(self, status: ProgressStatus, token: object) -> None:
        raise self._error


def test_the_states_are_those_of_the_java_library_and_one_of_ours() -> None:
    assert [state.value for state in ProgressState] == [
        "pollQueue",
        "parseMessage",
        "processSource",
        "processLog",
        "downloadLog",
        "deleteMessage",
        "deleteFilteredMessage",
        "uncaughtException",
        "verifyLogs",
    ]


def test_a_step_is_reported_at_its_start_and_at_its_end_with_the_token() -> None:
    reporter = Recording()
    with Progress(reporter).step(ProgressState.PROCESS_LOG, message=MESSAGE, log=LOG) as step:
        step.result(records=3, delivered=2, filtered=1)
    assert reporter.starts == [ProgressStatus(ProgressState.PROCESS_LOG, MESSAGE, LOG)]
    end = ProgressStatus(ProgressState.PROCESS_LOG, MESSAGE, LOG, succeeded=True, records=3, delivered=2, filtered=1)
    assert reporter.ends == [(end, 1)]


def test_a_step_that_says_it_failed_is_not_reported_as_a_success() -> None:
    reporter = Recording()
    with Progress(reporter).step(ProgressState.DELETE_MESSAGE) as step:
        step.result(succeeded=False)
    assert [status.succeeded for status, _ in reporter.ends] == [False]


@pytest.mark.parametrize("error", [CorruptLog("odd"), KeyError("k"), KeyboardInterrupt(), SystemExit()])
def test_a_step_that_raises_ends_with_the_error_which_goes_on(error: BaseException) -> None:
    reporter = Recording()
    with pytest.raises(type(error)), Progress(reporter).step(ProgressState.DOWNLOAD_LOG, log=LOG):
        raise error
    ((status, token),) = reporter.ends
    assert (status.succeeded, status.error, token) == (False, error, 1)


def test_steps_inside_each_other_get_their_own_tokens() -> None:
    reporter = Recording()
    progress = Progress(reporter)
    with progress.step(ProgressState.PROCESS_LOG), progress.step(ProgressState.DOWNLOAD_LOG):
        pass
    ends = [(status.state, token) for status, token in reporter.ends]
    assert ends == [(ProgressState.DOWNLOAD_LOG, 2), (ProgressState.PROCESS_LOG, 1)]


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(), StopIteration(), Refuse("no"), RetryLater()])
def test_a_reporter_that_raises_changes_nothing(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    done = False
    with Progress(Raising(error)).step(ProgressState.PROCESS_LOG):
        done = True
    assert done
    assert len(caplog.records) == 2


def test_a_reporter_that_raises_does_not_hide_what_failed() -> None:
    with pytest.raises(CorruptLog), Progress(Raising(ValueError())).step(ProgressState.PROCESS_LOG):
        raise CorruptLog("odd")


def test_several_reporters_each_get_their_own_token_although_one_of_them_raises() -> None:
    first, last = Recording(), Recording()
    last.report_start(ProgressStatus(ProgressState.POLL_QUEUE))
    with Progress(Reporters(first, Raising(ValueError()), last)).step(ProgressState.PROCESS_LOG):
        pass
    assert [token for _, token in first.ends] == [1]
    assert [token for _, token in last.ends] == [2]
    assert first.starts == last.starts[1:]


def logged(caplog: pytest.LogCaptureFixture, state: ProgressState, **facts: object) -> tuple[int, str]:
    """The level and the text of the line for one step, without its duration."""
    with caplog.at_level(logging.DEBUG, "cloudtrail_processing.progress"):
        log = LOG if state in (ProgressState.PROCESS_LOG, ProgressState.DOWNLOAD_LOG) else None
        message = None if state is ProgressState.POLL_QUEUE else MESSAGE
        with Progress(LoggingReporter()).step(state, message=message, log=log) as step:
            step.result(**facts)
    (record,) = caplog.records
    before, _, after = record.getMessage().partition(" in ")
    return record.levelno, before + after.partition(" s")[2]


@pytest.mark.parametrize(
    ("state", "facts", "line"),
    [
        (
            ProgressState.PROCESS_LOG,
            {"records": 9, "delivered": 4, "filtered": 3, "rejected": 2},
            (
                logging.INFO,
                f"processLog {LOG.uri}: 9 records, 4 delivered, 3 filtered, 2 quarantined",
            ),
        ),
        (ProgressState.PROCESS_LOG, {"skipped": "why"}, (logging.INFO, f"processLog {LOG.uri}: skipped: why")),
        (
            ProgressState.PROCESS_LOG,
            {"succeeded": False, "error": CorruptLog("odd")},
            (logging.DEBUG, f"processLog {LOG.uri}: failed: CorruptLog: odd"),
        ),
        (ProgressState.DOWNLOAD_LOG, {"size": 7}, (logging.DEBUG, f"downloadLog {LOG.uri}: 7 bytes")),
        (ProgressState.POLL_QUEUE, {"messages": 3}, (logging.DEBUG, "pollQueue queue: 3 messages")),
        (ProgressState.DELETE_MESSAGE, {}, (logging.DEBUG, "deleteMessage message m-1")),
        (ProgressState.PROCESS_SOURCE, {"succeeded": False}, (logging.DEBUG, "processSource message m-1: failed")),
    ],
)
def test_the_logging_reporter_says_one_line_per_step_and_never_a_body(
    state: ProgressState, facts: dict[str, object], line: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert logged(caplog, state, **facts) == line
    assert "canary" not in caplog.text
