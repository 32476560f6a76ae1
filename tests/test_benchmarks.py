"""The benchmark works: every peer does the whole job, and a peer that does not has no figure. Nothing is timed."""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.aws.running import Aws, running
from benchmarks.peers import java
from benchmarks.speed.alone import MODELS, alone, sampled
from benchmarks.speed.figures import Run, Runs, Spread
from benchmarks.speed.limit import measure_limit
from benchmarks.speed.measuring import Failed, measure
from benchmarks.speed.peers import OURS_ANYWHERE, OURS_PROVEN, PEERS, Peer
from benchmarks.speed.tables import page
from benchmarks.speed.targets import targets
from benchmarks.speed.workloads import WORKLOADS, Logs, Truth, Workload, logs_of

RECORDS = 200  # two of them are wanted by the filter
LOGS = 6
IN_PYTHON = [
    *(("ours", workload) for workload in WORKLOADS),
    ("ours-struct", "projection"),
    *((peer, workload) for peer in ("tuned", "naive") for workload in ("large", "filter", "raw")),
]


@pytest.fixture(scope="module")
def logs_of_all() -> dict[str, Logs]:
    return {name: logs_of(it, records=RECORDS, distinct=2) for name, it in WORKLOADS.items()}


@pytest.fixture
def aws(logs_of_all: dict[str, Logs]) -> Iterator[Aws]:
    with running(logs_of_all["large"].folder, sqs_ms=0, s3_ms=0) as aws:
        yield aws


@pytest.mark.parametrize(("name", "workload"), IN_PYTHON)
def test_every_peer_in_python_does_the_whole_job(
    aws: Aws, logs_of_all: dict[str, Logs], name: str, workload: str
) -> None:
    """Its counts are those of the logs: ``measure`` fails otherwise."""
    run = measure(PEERS[name], WORKLOADS[workload], logs_of_all[workload], aws, count=LOGS, warm=2, processes=1)
    assert (run.events, run.logs, run.requests["GetObject"]) == (LOGS * RECORDS, LOGS, LOGS)
    assert run.cpu > 0
    assert run.largest > 0
    assert run.first_event is not None


@pytest.mark.parametrize("peer", [OURS_PROVEN, OURS_ANYWHERE], ids=lambda peer: peer.name)
def test_this_library_does_the_whole_job_with_other_settings(
    aws: Aws, logs_of_all: dict[str, Logs], peer: Peer
) -> None:
    run = measure(peer, WORKLOADS["large"], logs_of_all["large"], aws, count=LOGS, warm=2, processes=1)
    assert run.events == LOGS * RECORDS


@pytest.mark.skipif(not java.is_built(), reason="the Java peer is not built here")
@pytest.mark.parametrize("workload", ["large", "filter"])
def test_the_java_library_does_the_whole_job(aws: Aws, logs_of_all: dict[str, Logs], workload: str) -> None:
    run = measure(PEERS["java-tuned"], WORKLOADS[workload], logs_of_all[workload], aws, count=LOGS, warm=2)
    assert run.requests["GetObject"] == LOGS


def test_a_peer_that_misses_events_has_no_figure(aws: Aws, logs_of_all: dict[str, Logs]) -> None:
    logs = logs_of_all["large"]
    more = replace(logs, truths=tuple(it + Truth(1, 1) for it in logs.truths))
    with pytest.raises(Failed, match="counted"):
        measure(PEERS["ours"], WORKLOADS["large"], more, aws, count=2, warm=1, processes=1)


def test_a_peer_that_ends_has_no_figure_and_what_it_said_is_told(aws: Aws, logs_of_all: dict[str, Logs]) -> None:
    broken = Peer("broken", "broken", (sys.executable, "-c", "raise SystemExit('no queue here')"))
    with pytest.raises(Failed, match="no queue here"):
        measure(broken, WORKLOADS["large"], logs_of_all["large"], aws, count=2, warm=1)


def test_one_record_of_a_hundred_is_wanted_by_the_filter() -> None:
    logs = logs_of(WORKLOADS["filter"], records=RECORDS, distinct=2)
    assert [truth.events for truth in logs.truths] == [RECORDS // 100] * 2
    bodies = [gzip.decompress(path.read_bytes()) for path in sorted(logs.folder.glob("*.json.gz"))]
    assert [len(json.loads(body)["Records"]) for body in bodies] == [RECORDS] * 2


def test_the_limit_does_every_log(logs_of_all: dict[str, Logs]) -> None:
    run = measure_limit(WORKLOADS["large"], logs_of_all["large"], count=3, processes=2)
    assert run.events == 3 * RECORDS
    assert run.cpu > 0


def test_one_process_alone_does_every_log_for_every_model(logs_of_all: dict[str, Logs]) -> None:
    cores = os.sched_getaffinity(0)
    done = list(alone(2, logs_of_all["large"]))
    assert [run.peer for run in done] == ["limit", *MODELS] * 2
    assert {run.events for run in done} == {2 * RECORDS}
    assert os.sched_getaffinity(0) == cores


def test_a_profile_tells_which_functions_take_the_time(logs_of_all: dict[str, Logs]) -> None:
    shares = sampled("large", rounds=60, logs=logs_of_all["large"])
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


# ── telling ──


def made(workload: str, peer: str, *, wall: float, cpu: float = 1) -> Run:
    return Run(
        workload=workload, peer=peer, processes=2, records=10, logs=10, events=100, wall=wall, cpu=cpu, largest=2**20
    )


def test_a_spread_is_the_median_with_the_lowest_and_the_highest() -> None:
    assert Spread.of([3, None, 1, 2]) == Spread(2, 1, 3, 3)
    assert Spread.of([None]) is None


def test_targets_are_met_missed_or_not_measured(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs.jsonl")
    for run in (made("large", "ours", wall=1), made("large", "java-tuned", wall=2), made("large", "naive", wall=3)):
        runs.add(run)
    told = {it.what: (it.reached, it.is_met) for it in targets(runs)}
    assert told["large: events/s beside java-tuned"] == ("2.0 ×", True)
    assert told["large: events/s beside naive"] == ("3.0 ×", False)
    assert told["typical: events/s beside naive"] == (None, False)


def test_the_page_tells_every_peer_that_was_measured(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs.jsonl")
    for run in (made("large", "ours", wall=1), made("large", "limit", wall=0.5, cpu=0.5)):
        runs.add(run)
    text = page(runs, machine="a machine.", ceiling=None, notes="")
    row = next(line for line in text.splitlines() if line.startswith("| this library"))
    assert row.split("|")[2:8] == [" 100 ", " 10 ", " 10000.0 ", " 50% ", " 50% ", " 1 "]
    assert "naive" not in "".join(line for line in text.splitlines() if line.startswith("| boto3"))


def test_a_run_too_short_for_the_clock_of_the_processor_is_told_without_a_share(tmp_path: Path) -> None:
    """A process's time is counted in hundredths of a second: of a small job that may be none at all."""
    runs = Runs(tmp_path / "runs.jsonl")
    for run in (made("large", "ours", wall=1, cpu=0), made("large", "limit", wall=0.5, cpu=0.5)):
        runs.add(run)
    row = next(
        it for it in page(runs, machine="a machine.", ceiling=None, notes="").splitlines() if "this library" in it
    )
    assert row.split("|")[4:7] == [" 0.0 ", "  ", " 50% "]


def test_one_command_measures_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Workload("tiny", 5, 2, 40, "a few")
    monkeypatch.setitem(WORKLOADS, "tiny", tiny)
    options = ["--workload", "tiny", "--peer", "ours", "--peer", "limit", "--runs", "1", "--processes", "1", "--quick"]
    result = CliRunner().invoke(app, [*options, "--no-scaling", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} >= {"README.md", "runs.jsonl", "speed.png", "cost.png"}
    assert "this library" in (tmp_path / "README.md").read_text()


def test_what_is_not_known_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--peer", "logstash", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "not known: logstash" in result.output
