"""``validate`` proves a trail on disk: what it prints in every form, and what it ends with."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from audited import HOUR, digests, logs, span
from commands import invoke, on_terminal
from typer.testing import Result

from cloudtrail_processing.testing import SignedTrail
from cloudtrail_processing.testing.trail import Append, Flip, FlipInside, Inject, Metadata, Remove, Tampering

TRAIL = SignedTrail(1, hours=6, logs=1, regions=("us-east-1", "eu-west-1"), backfill=(2,))
FIRST, LAST = span(TRAIL).first, span(TRAIL).last
LOG, DIGEST = logs(TRAIL, 3)[0], digests(TRAIL)[6]
ESCAPE = "\x1b[2J\x9b31m\x07"


@dataclass
class Copy:
    """A trail on disk, and a file with its keys."""

    folder: Path
    keys: Path

    def validate(
        self, *arguments: object, first: object = f"{FIRST:%Y-%m-%dT%H:%MZ}", last: object = f"{LAST:%Y-%m-%dT%H:%MZ}"
    ) -> Result:
        times = ("--from", first, "--to", last)
        return invoke("validate", self.folder, *times, "--keys", self.keys, *arguments)


def copied(folder: Path, *tamperings: Tampering, trail: SignedTrail = TRAIL) -> Copy:
    """The trail, tampered with, as a mirror."""
    (folder / "copy").mkdir()
    trail.tampered(*tamperings).write(folder / "copy")
    (folder / "keys.json").write_bytes(orjson.dumps(trail.public_keys_document()))
    return Copy(folder / "copy", folder / "keys.json")


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# ── exit codes ──


@pytest.mark.parametrize(
    ("tamperings", "code", "result"),
    [
        ([], 0, "valid"),
        ([FlipInside(*LOG, 100)], 1, "invalid"),
        ([Remove(*LOG)], 1, "invalid"),
        ([Metadata(*DIGEST, "signature", None)], 1, "invalid"),
        ([Remove(*DIGEST)], 4, "incomplete"),
        ([FlipInside(*LOG, 100), Remove(*DIGEST)], 1, "invalid"),
    ],
    ids=["untouched", "a log altered", "a log gone", "unsigned", "a digest gone", "both"],
)
def test_the_exit_code_tells_the_worst_that_was_found(
    tmp_path: Path, tamperings: Sequence[Tampering], code: int, result: str
) -> None:
    run = copied(tmp_path, *tamperings).validate("--format", "json")
    assert run.exit_code == code
    assert lines(run)[-1]["summary"]["result"] == result
    assert run.stderr == ""


def test_a_time_without_logging_ends_with_3(tmp_path: Path) -> None:
    trail = SignedTrail(4, hours=9, logs=1, stopped=((3, 6),))
    copy = copied(tmp_path, trail=trail)
    run = copy.validate(first=f"{span(trail).first:%Y-%m-%dT%H:%MZ}", last=f"{span(trail).last:%Y-%m-%dT%H:%MZ}")
    assert run.exit_code == 3
    assert "trail gap  111122223333 us-east-1 " in run.stdout
    assert "Everything that there is is valid; there were times without logging." in run.stdout


@pytest.mark.parametrize(
    ("arguments", "times"),
    [
        (("--account", "999988887777"), {}),
        (("--region", "ap-southeast-2"), {}),
        ((), {"first": "2019-01-01", "last": "2019-02-01"}),
    ],
    ids=["account", "region", "times"],
)
def test_nothing_to_validate_ends_with_5_and_tells_where_to_look(
    tmp_path: Path, arguments: tuple[str, ...], times: dict[str, str]
) -> None:
    run = copied(tmp_path).validate(*arguments, **times)
    assert run.exit_code == 5
    assert "There is nothing to validate: no digest of these times lies there." in run.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "yesterday"], "'yesterday' is no time"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "ends before it begins"),
        (["--from", "1d", "--account", "12"], "an account has twelve digits"),
        (["--from", "1d", "--account", f"1{ESCAPE}"], "an account has twelve digits"),
        (["--from", "1d", "--keys", "/no/such/file"], "No such file"),
        ([], "--from"),
        (["--from", "1d", "--format", "yaml"], "yaml"),
        (["--from", "1d"], "proven by --keys FILE"),
    ],
    ids=["time", "backwards", "account", "escape", "keys", "no time", "format", "no keys"],
)
def test_a_command_line_that_cannot_work_ends_with_2_and_says_why(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    run = invoke("validate", tmp_path, *arguments)
    assert run.exit_code == 2
    assert says in run.stderr
    assert "\x1b" not in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("arn:aws:s3:::trail", "is no trail: write arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"),
        ("s3://", "names no bucket"),
        ("/no/such/folder", "neither the ARN of a trail, s3://bucket/prefix, nor a folder"),
        (f"/{ESCAPE}", "nor a folder"),
        ("arn:aws:cloudtrail:us-east-1:111122223333:trail/x\x1b[2J", "is no trail"),
    ],
)
def test_a_target_that_is_none_ends_with_2_and_says_what_is_one(tmp_path: Path, target: str, says: str) -> None:
    keys = copied(tmp_path).keys
    run = invoke("validate", target, "--from", "1d", "--keys", keys)
    assert run.exit_code == 2
    assert says in run.stderr
    assert "\x1b" not in run.stderr


def test_a_bucket_is_not_named_twice(tmp_path: Path) -> None:
    run = invoke("validate", "s3://trail", "--from", "1d", "--bucket", "other")
    assert run.exit_code == 2
    assert "--bucket is for a folder" in run.stderr


def test_an_empty_folder_asks_for_the_name_of_its_bucket(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    copy.folder = tmp_path / "empty"
    copy.folder.mkdir()
    assert copy.validate().exit_code == 2
    assert "name the bucket with --bucket" in copy.validate().stderr
    assert copy.validate("--bucket", "trail").exit_code == 5


def test_keys_of_another_trail_prove_nothing(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    other = SignedTrail(1, hours=1, logs=0, regions=("ap-south-1",))
    copy.keys.write_bytes(orjson.dumps(other.public_keys_document()))
    run = copy.validate("--format", "json")
    assert run.exit_code == 1
    assert {it["state"] for it in lines(run)[:-1] if it["what"] == "digest"} == {"no key"}


def test_a_bucket_that_is_named_wrongly_is_told_by_every_digest(tmp_path: Path) -> None:
    run = copied(tmp_path).validate("--bucket", "another", "--format", "json")
    assert run.exit_code == 1
    assert {it["state"] for it in lines(run)[:-1] if it["what"] == "digest"} == {"moved"}
    assert lines(run)[-1]["summary"]["bucket"] == "another"


# ── what is asked for ──


def test_times_have_zones_and_those_without_are_utc(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    first, last = FIRST + HOUR, FIRST + 3 * HOUR
    tokyo = [f"{it + timedelta(hours=9):%Y-%m-%dT%H:%M}+09:00" for it in (first, last)]
    plain = [f"{it:%Y-%m-%dT%H:%M}" for it in (first, last)]
    told = [copy.validate("-v", "--format", "json", first=it[0], last=it[1]).stdout for it in (tokyo, plain)]
    assert told[0] == told[1]
    summary = json.loads(told[0].splitlines()[-1])["summary"]
    assert (summary["from"], summary["to"]) == (f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}")


@pytest.mark.parametrize("first", ["0001-01-01", "1970-01-01"])
def test_a_range_without_end_is_audited_up_to_now(tmp_path: Path, first: str) -> None:
    run = copied(tmp_path).validate("--format", "json", first=first, last="9999-12-31T23:59:59Z")
    assert run.exit_code == 4, "no digest came since"
    assert {it["state"] for it in lines(run)[:-1]} == {"missing"}


def test_only_the_accounts_and_regions_that_are_named_are_audited(tmp_path: Path) -> None:
    copy = copied(tmp_path, FlipInside(*LOG, 100))
    assert "us-east-1" in LOG[1] or "eu-west-1" in LOG[1]
    other = "eu-west-1" if "/us-east-1/" in LOG[1] else "us-east-1"
    run = copy.validate("--region", other, "--account", "111122223333", "--format", "json")
    assert run.exit_code == 0
    assert [place["region"] for place in lines(run)[-1]["summary"]["places"]] == [other]


# ── what is printed ──

SHAPE = {
    "digest": {"what", "state", "account", "region", "bucket", "key", "from", "to"},
    "backfill digest": {"what", "state", "account", "region", "bucket", "key", "from", "to"},
    "log": {"what", "state", "account", "region", "bucket", "key"},
}


def test_json_lines_tell_every_object_when_asked_and_the_sum_of_all(tmp_path: Path) -> None:
    run = copied(tmp_path).validate("--format", "json", "--verbose")
    *findings, last = lines(run)
    assert {(it["bucket"], it["key"]) for it in findings} == set(TRAIL.objects)
    assert all(set(it) == SHAPE[it["what"]] and it["state"] == "valid" for it in findings)
    assert all(datetime.fromisoformat(it[name]) for it in findings for name in ("from", "to") if name in it)
    summary = last["summary"]
    assert list(summary) == ["result", "bucket", "prefix", "from", "to", "places"]
    counted = {(it["what"], it["state"]): it["count"] for it in summary["places"][0]["counts"]}
    assert counted == {("backfill digest", "valid"): 1, ("digest", "valid"): 6, ("log", "valid"): 6}
    assert [place["region"] for place in summary["places"]] == ["eu-west-1", "us-east-1"]


def test_json_lines_tell_only_what_is_not_valid_with_a_reason(tmp_path: Path) -> None:
    *findings, _ = lines(copied(tmp_path, FlipInside(*LOG, 100)).validate("--format", "json"))
    [finding] = findings
    assert set(finding) == {*SHAPE["log"], "detail"}
    assert (finding["state"], finding["bucket"], finding["key"]) == ("hash differs", *LOG)


def test_people_see_each_thing_that_is_not_valid_a_table_and_a_sentence(tmp_path: Path) -> None:
    run = copied(tmp_path, FlipInside(*LOG, 100)).validate()
    first, *table, last = run.stdout.splitlines()
    assert first == f"log hash differs  s3://{'/'.join(LOG)}: it is not the log that CloudTrail delivered"
    assert table[0].split() == [
        *("account", "region", "digests", "valid", "not", "logs", "valid", "not", "unlisted", "gaps", "proven", "(UTC)")
    ]
    spoilt = next(row.split() for row in table if row.split()[1] in LOG[1].split("/"))
    assert spoilt[:8] == ["111122223333", LOG[1].split("/")[3], "7", "0", "5", "1", "0", "0"]
    assert last == "Something is not as CloudTrail delivered it: see above."


def test_people_see_what_is_valid_when_they_ask(tmp_path: Path) -> None:
    run = copied(tmp_path).validate("--verbose")
    assert sum(line.startswith(("digest valid", "log valid", "backfill")) for line in run.stdout.splitlines()) == 26
    assert run.stdout.splitlines()[-1] == "Everything is valid."


def test_the_lines_of_the_aws_cli_are_its_own(tmp_path: Path) -> None:
    copy = copied(tmp_path, FlipInside(*LOG, 100), Metadata(*DIGEST, "signature", "00"))
    run = copy.validate("--format", "aws", "--verbose")
    assert run.exit_code == 1
    first, last = f"{FIRST:%Y-%m-%dT%H:%M:%SZ}", f"{LAST:%Y-%m-%dT%H:%M:%SZ}"
    out = run.stdout.splitlines()
    assert out[:2] == [f"Validating log files for trail {copy.folder} between {first} and {last}", ""]
    errors = run.stderr.splitlines()
    assert f"Log file\ts3://{'/'.join(LOG)}\tINVALID: hash value doesn't match" in errors
    assert f"Digest file\ts3://{'/'.join(DIGEST)}\tINVALID: signature verification failed" in errors
    assert sum(line.endswith("\tvalid") for line in out) == 26 - len(errors)
    assert f"(backfill) Digest file\ts3://{'/'.join(digests(TRAIL, backfill=True)[0])}\tvalid" in out
    assert f"Results requested for {first} to {last}" in out
    assert "11/12 digest files valid, 1/12 digest files INVALID" in out
    assert "2/2 backfill digest files valid" in out


def test_the_aws_cli_says_so_when_there_is_nothing(tmp_path: Path) -> None:
    run = copied(tmp_path).validate("--format", "aws", "--region", "ap-southeast-2")
    assert run.stdout.splitlines()[-1] == "No digests found"
    assert run.exit_code == 5


def test_junit_tells_every_failure_and_counts_them(tmp_path: Path) -> None:
    odd = Inject(LOG[0], LOG[1].rpartition("/")[0] + f"/{ESCAPE}<&>.json", b"x", {}, FIRST)
    run = copied(tmp_path, FlipInside(*LOG, 100), odd).validate("--junit", tmp_path / "junit.xml")
    assert run.exit_code == 1
    root = ET.parse(tmp_path / "junit.xml").getroot()
    suites = {suite.attrib["name"]: suite for suite in root}
    assert list(suites) == ["111122223333 eu-west-1", "111122223333 us-east-1"]
    spoilt = suites[f"111122223333 {LOG[1].split('/')[3]}"]
    assert (spoilt.attrib["tests"], spoilt.attrib["failures"], spoilt.attrib["skipped"]) == ("3", "2", "0")
    failures = {failure.attrib["type"] for failure in spoilt.iter("failure")}
    assert failures == {"hash differs", "unlisted"}
    assert len(list(spoilt.iter("testcase"))) == 3


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    run = copied(tmp_path).validate("--junit", tmp_path / "no" / "such" / "folder.xml")
    assert run.exit_code == 2
    assert "folder.xml: No such file or directory" in run.stderr
    assert run.stdout == ""


# ── what must not be printed ──

NAMES = [f"{ESCAPE}\n.json", "a\u202eb.json", os.fsdecode(b"\xff\xfe.json"), "\udcff" * 9 + ".json.gz"]


@pytest.mark.parametrize("form", ["table", "json", "aws"])
@pytest.mark.parametrize("name", NAMES, ids=["escape", "direction", "bytes", "more bytes"])
@pytest.mark.parametrize("large", [False, True])
def test_no_name_of_an_object_reaches_the_terminal_as_it_is(tmp_path: Path, form: str, name: str, large: bool) -> None:
    body = os.urandom(3000) if large else b"x"
    folder, _, end = DIGEST[1].rpartition("/")
    digest = f"{folder}/{end.replace('_example_', f'_{name}_')}"
    log = f"{LOG[1].rpartition('/')[0]}/{name}"
    written = FIRST + HOUR / 2
    copy = copied(tmp_path, *(Inject(LOG[0], key, body, {}, written) for key in (digest, log)))
    run = copy.validate(
        "--format", form, "--journal", tmp_path / "j.db", "--junit", tmp_path / "x.xml", "--max-inflated-bytes", "2000"
    )
    assert run.exit_code == 1, run.exception
    assert all(char.isprintable() or char in "\n\t" for char in run.stdout + run.stderr)
    if form == "json":
        assert {digest, log} <= {it.get("key") for it in lines(run)[:-1]}
    assert ET.parse(tmp_path / "x.xml") is not None


def test_on_a_terminal_nothing_of_a_name_moves_the_cursor(tmp_path: Path) -> None:
    log = f"{LOG[1].rpartition('/')[0]}/{ESCAPE}.json"
    copy = copied(tmp_path, Inject(LOG[0], log, b"x", {}, FIRST + HOUR / 2))
    times = ("--from", f"{FIRST:%Y-%m-%dT%H:%MZ}", "--to", f"{LAST:%Y-%m-%dT%H:%MZ}")
    code, shown = on_terminal("validate", copy.folder, *times, "--keys", copy.keys)
    assert code == 1
    assert "unlisted" in shown
    assert "[2J" not in shown.replace("\\x1b[2J", "")


@pytest.mark.parametrize("tampering", [Flip(*LOG, 0), Append(*LOG, b"x")], ids=["magic", "tail"])
def test_nothing_of_the_content_of_a_log_is_printed(tmp_path: Path, tampering: Tampering) -> None:
    run = copied(tmp_path, tampering).validate("--format", "json", "-v")
    assert run.exit_code == 1
    assert "eventName" not in run.stdout + run.stderr
