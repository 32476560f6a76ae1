"""The tally counts what was received, deleted, read, delivered and failed."""

import pytest
from rich.console import Console

from cloudtrail_processing.cli.status import Lines, StatusLine, can_be_live
from cloudtrail_processing.errors import Stopped, Unproven
from cloudtrail_processing.findings import Found, IntegrityFinding
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.progress import ProgressState, ProgressStatus
from cloudtrail_processing.tally import Tally

LOG = LogObject("bucket", "key")
STEPS = (
    ProgressStatus(ProgressState.POLL_QUEUE, succeeded=True, messages=3),
    ProgressStatus(ProgressState.PARSE_MESSAGE, succeeded=True),
    ProgressStatus(ProgressState.PARSE_MESSAGE, succeeded=False),
    ProgressStatus(ProgressState.DOWNLOAD_LOG, log=LOG, succeeded=True, size=100),
    ProgressStatus(ProgressState.PROCESS_LOG, log=LOG, succeeded=True, records=1500, delivered=1200, filtered=300),
    ProgressStatus(ProgressState.DOWNLOAD_LOG, log=LOG, succeeded=False),
    ProgressStatus(ProgressState.PROCESS_LOG, log=LOG, succeeded=False),
    ProgressStatus(ProgressState.PROCESS_LOG, log=LOG, succeeded=False, error=KeyboardInterrupt()),
    ProgressStatus(ProgressState.PROCESS_LOG, log=LOG, succeeded=False, error=Stopped("the worker stops")),
    ProgressStatus(ProgressState.PROCESS_SOURCE, succeeded=False),
    ProgressStatus(ProgressState.DELETE_MESSAGE, succeeded=True),
    ProgressStatus(ProgressState.DELETE_FILTERED_MESSAGE, succeeded=True),
    ProgressStatus(ProgressState.DELETE_MESSAGE, succeeded=False),
)


def counted() -> Tally:
    tally = Tally()
    for status in STEPS:
        tally.report_end(status, tally.report_start(status))
    return tally


def test_every_step_counts_once() -> None:
    assert str(counted()) == "messages 3, deleted 2, logs 1, events 1,200, filtered 300, failures 2"


def test_the_line_shows_the_tally() -> None:
    console = Console(width=150, record=True, force_terminal=False)
    console.print(StatusLine("working", counted()))
    _, *shown = console.export_text().split()
    assert shown[0] == "working"
    assert " ".join(shown[2:]) == str(counted()).replace(", ", " ")


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_line_never_breaks_within_a_count(width: int) -> None:
    console = Console(width=width, record=True, force_terminal=False)
    console.print(StatusLine("working", counted()))
    text = console.export_text()
    assert all(part in text for part in str(counted()).split(", "))
    assert max(map(len, text.splitlines())) <= width


def test_colours_that_were_asked_for_do_not_make_a_file_a_terminal() -> None:
    assert not can_be_live(Console(force_terminal=True, stderr=True))


def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is() -> None:
    times, said = iter([0.0, 4.0, 10.0, 10.0, 12.0, 21.0, 21.0]), list[str]()
    lines = Lines(said.append, every=10, now=lambda: next(times))
    done = ProgressStatus(ProgressState.PROCESS_LOG, succeeded=True)
    lines.report_end(ProgressStatus(ProgressState.DOWNLOAD_LOG, succeeded=True), None)
    for _ in range(4):
        lines.report_end(done, None)
    assert said == ["2 logs done", "4 logs done"]


def test_findings_are_shown_where_there_are_some() -> None:
    tally = counted()
    found = tuple(
        IntegrityFinding(state, "log", "digest") for state in (Found.VERIFIED, Found.VERIFIED, Found.MISMATCH)
    )
    tally.report_end(ProgressStatus(ProgressState.VERIFY_LOGS, succeeded=True, findings=found), None)
    tally.report_end(ProgressStatus(ProgressState.VERIFY_LOGS, succeeded=False), None)
    tally.report_end(ProgressStatus(ProgressState.PROCESS_LOG, succeeded=False, error=Unproven("not yet")), None)
    assert str(tally).endswith("failures 3, verified 2, mismatch 1")
    console = Console(width=180, record=True, force_terminal=False)
    console.print(StatusLine("working", tally))
    assert console.export_text().rstrip().endswith("mismatch 1")
