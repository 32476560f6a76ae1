"""Canaries planted where secrets and events are: none of them may sing in a log line, an error or an output.

This is about what this package says. Other packages' loggers say more at DEBUG (botocore and urllib3 print requests
with their headers and bodies); the command line keeps them at WARNING whatever ``--log-level`` says.
"""

import asyncio
import gzip
import json
import logging
import threading
import traceback
from collections.abc import Awaitable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench import BUCKET, Bench, Recorder, key_of, run_for
from commands import invoke

from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.cli.telling import JsonFormatter
from cloudtrail_processing.errors import CloudTrailProcessingError, TransientError
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter, ProgressStatus, Reporters
from cloudtrail_processing.reading import read_events
from cloudtrail_processing.sns import SnsVerifier
from cloudtrail_processing.testing import EmbeddedAws, FailEntries, Faults, LostResponse
from cloudtrail_processing.testing.generator import messages, record

CANARY = "canary-0d5e7c"
RECEIPT = "/receipt-"  # in every receipt of the fake queue
KEYS = Credentials("AKIDEXAMPLE", f"{CANARY}-secret-key", f"{CANARY}-session-token")


class Told:
    """Everything that our loggers said, in every form in which it can be read."""

    def __init__(self) -> None:
        self.records: list[logging.LogRecord] = []

    def text(self) -> str:
        forms = (JsonFormatter(), logging.Formatter())
        said = [form.format(record) for record in self.records for form in forms]
        return "\n".join([*said, *(repr(record.args) for record in self.records)])


@pytest.fixture
def told() -> Iterator[Told]:
    heard = Told()
    handler = logging.Handler(logging.DEBUG)
    handler.emit = heard.records.append  # type: ignore[method-assign, assignment]
    ours = logging.getLogger("cloudtrail_processing")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield heard
    ours.removeHandler(handler)
    ours.setLevel(before)


class Reprs(ProgressReporter):
    """Writes down the repr of every status, as a careless reporter would print it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def report_end(self, status: ProgressStatus, token: object) -> None:
        self.seen.append(repr(status) + repr(token) + repr(status.message) + str(status.error))


class Raising(EventProcessor):
    """Fails as user code does, with events in its hands."""

    def process(self, batch: EventBatch) -> None:
        in_hand = [event.to_dict() for event in batch]
        raise LookupError(f"the processor's own words, about {len(in_hand)} events")


def shown(error: BaseException) -> str:
    """All that a log or a terminal shows of an error, its causes included."""
    return str(error) + repr(error) + "".join(traceback.format_exception(error))


def secret_event(**more: object) -> dict[str, object]:
    """An event whose every text is a canary, free-form members included."""
    texts = {name: f"{CANARY}-{name}" for name, value in record().items() if isinstance(value, str)}
    return {**record(), **texts, "requestParameters": {"password": CANARY}, "userIdentity": CANARY, **more}


def log_text(*records: bytes) -> bytes:
    return b'{"Records":[' + b",".join(records) + b"]}"


SECRET_EVENT = orjson.dumps(secret_event())
BAD_RECORDS = (b'{"a":"%s",}', b'"%s"', b"%s", b'{"%s"', b'["%s"]', b'{"a":"\xff%s"}')
LOGS = {
    "good": gzip.compress(log_text(SECRET_EVENT)),
    "bad-records": gzip.compress(log_text(SECRET_EVENT, *(raw.replace(b"%s", CANARY.encode()) for raw in BAD_RECORDS))),
    "no-json": CANARY.encode(),
    "cut": gzip.compress(log_text(SECRET_EVENT)[:-9]),
    "damaged-gzip": gzip.compress(log_text(SECRET_EVENT))[:-9],
    "no-records": orjson.dumps({"x": SECRET_EVENT.decode()}),
    "trailing": log_text(SECRET_EVENT) + CANARY.encode(),
}
_ENVELOPE = json.loads(messages.sns_envelope(CANARY))
BODIES = [
    CANARY,
    json.dumps(CANARY),
    json.dumps([CANARY]),
    json.dumps({"x": CANARY}),
    json.dumps({"x": CANARY})[:-1],
    json.dumps({"Records": [CANARY]}),
    json.dumps({"s3Bucket": "b", "s3ObjectKey": {"x": CANARY}}),
    json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": CANARY}]}),
    json.dumps({"detail-type": "x", "source": "x", "detail": {"x": CANARY}}),
    json.dumps({**_ENVELOPE, "Signature": CANARY, "SigningCertURL": f"https://evil.org/?x={CANARY}"}),
    json.dumps({**_ENVELOPE, "Message": json.dumps({"Token": CANARY})}),
    json.dumps(
        {**_ENVELOPE, "Type": "SubscriptionConfirmation", "Token": CANARY, "SubscribeURL": f"https://x/{CANARY}"}
    ),
    json.dumps({"Type": "UnsubscribeConfirmation", "Token": CANARY}),
    json.dumps({"Records": [secret_event(), {"eventVersion": "1", "eventID": CANARY, "x": CANARY}]}),
    CANARY * 100_000,
]


class TalkativeBench(Bench):
    """A bench whose reporters say all they can."""

    def __init__(self, **values: Any) -> None:
        self.reprs = Reprs()
        super().__init__(reporter=Reporters(LoggingReporter(), self.reprs), **values)


def bench_with_everything(**faults: Any) -> TalkativeBench:
    """A bench whose queue holds every body, and a message for every log."""
    bench = TalkativeBench(faults=Faults(**faults))
    for body in BODIES:
        bench.queue.send(body, attributes={"password": CANARY, "TraceId": CANARY})
    for name, stored in LOGS.items():
        log = bench.store.put(BUCKET, key_of(name), stored)
        bench.queue.send(messages.s3_event(log), attributes={"password": CANARY})
    return bench


def everything_told(bench: TalkativeBench, told: Told) -> str:
    """What the bench told in any way: by its loggers, its reporters and its failures; of each there must be some."""
    failures = bench.heard.failures
    assert failures
    assert bench.reprs.seen
    assert len(told.records) > len(BODIES)
    errors = (shown(failure.error) for failure in failures)
    return "\n".join([told.text(), *bench.reprs.seen, *map(repr, failures), *errors])


def singing(text: str) -> list[str]:
    """What must not be in the text, and is."""
    return [secret for secret in (CANARY, RECEIPT) if secret in text]


def test_a_worker_tells_no_secret_of_what_it_delivers_rejects_and_fails_on(told: Told) -> None:
    bench = bench_with_everything()
    asyncio.run(run_for(bench.worker(), bench.clock, 120))
    assert bench.processor.taken
    assert singing(everything_told(bench, told)) == []


def test_a_processor_that_raises_is_shown_with_its_words_and_its_lines_but_not_with_what_it_had_in_hand(
    told: Told,
) -> None:
    bench = bench_with_everything()
    asyncio.run(run_for(bench.worker(Raising()), bench.clock, 60))
    assert singing(everything_told(bench, told)) == []
    assert "the processor's own words, about 1 events" in told.text()
    assert 'raise LookupError(f"' in told.text()


@pytest.mark.parametrize(
    "fault",
    [FailEntries(), FailEntries(gone=True), LostResponse(), TransientError("down"), RuntimeError("a bug in a part")],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("operation", ["delete", "change_visibility"])
def test_settling_that_fails_tells_no_receipt(operation: str, fault: Any, told: Told) -> None:
    bench = bench_with_everything(**{operation: [fault] * 5})
    asyncio.run(run_for(bench.worker(), bench.clock, 60))
    assert singing(everything_told(bench, told)) == []


def test_a_bug_in_a_part_is_told_without_what_the_part_had_in_hand(told: Told) -> None:
    class Buggy(Recorder):
        def process(self, batch: EventBatch) -> None:
            for event in batch:
                _ = 1 / len(event.raw[:0])

    bench = bench_with_everything()
    asyncio.run(run_for(bench.worker(Buggy()), bench.clock, 60))
    assert singing(everything_told(bench, told)) == []


@pytest.mark.parametrize("name", [name for name in LOGS if name != "good"])
def test_reading_for_a_person_tells_no_record_in_its_errors(name: str) -> None:
    with pytest.raises(CloudTrailProcessingError) as caught:
        list(read_events(LOGS[name]))
    assert CANARY not in shown(caught.value)


@pytest.mark.parametrize("body", BODIES[:-1])
def test_a_message_without_a_good_signature_is_refused_without_a_word_of_it(body: str) -> None:
    with pytest.raises(CloudTrailProcessingError) as caught:
        SnsVerifier(lambda _: CANARY.encode())(QueueMessage("m", body, CANARY, attributes={"x": CANARY}))
    assert CANARY not in shown(caught.value)


# ── AWS ──


class Indiscreet(BaseHTTPRequestHandler):
    """Quotes the session token and the signed text in its errors, as S3 does for expired tokens and bad signatures."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        code = self.path.rpartition("/")[2].partition("?")[0]
        token = self.headers.get("x-amz-security-token", "")
        xml = (
            f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>The provided token is bad</Message>"
            f"<Token-0>{token}</Token-0><StringToSign>x-amz-security-token:{token}</StringToSign></Error>"
        ).encode()
        self.send_response(400 if "Token" in code else 403)
        self.send_header("Content-Length", str(len(xml)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(xml)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def indiscreet() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Indiscreet) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("code", ["ExpiredToken", "SignatureDoesNotMatch", "AccessDenied", "InternalError"])
@pytest.mark.parametrize("folder", ["", "odd//"])
def test_what_s3_quotes_of_our_keys_goes_no_further(indiscreet: str, folder: str, code: str) -> None:
    options = AwsOptions(region="us-east-1", endpoint_url=indiscreet, credentials=KEYS)
    with closing(S3Store(options)) as store:
        for ask in (lambda log: store.fetch(log, limit=10), store.identify):
            with pytest.raises(CloudTrailProcessingError) as caught:
                ask(LogObject("trail", f"{folder}{code}"))
            assert code in str(caught.value) or "40" in str(caught.value)
            assert CANARY not in shown(caught.value)


def test_aws_options_and_clients_show_no_keys(indiscreet: str) -> None:
    options = AwsOptions(region="us-east-1", endpoint_url=indiscreet, credentials=KEYS)
    assert CANARY not in repr(options) + repr(KEYS) + repr(S3Store(options)) + repr(SqsQueue("https://x/y", options))


def test_sqs_that_refuses_tells_no_receipt_and_no_body() -> None:
    receipt, body = f"{CANARY}-receipt" * 9, f"{CANARY}-body"
    message = QueueMessage("m-1", body, receipt, attributes={"x": CANARY})

    async def told_by(call: Awaitable[object]) -> str:
        try:
            return repr(await call)
        except CloudTrailProcessingError as error:
            return shown(error)

    async def ask(url: str, options: AwsOptions) -> list[str]:
        queue = SqsQueue(url, options)
        try:
            return [await told_by(call) for call in (queue.delete([message]), queue.change_visibility([(message, 5)]))]
        finally:
            await queue.close()

    with EmbeddedAws() as aws:
        url = aws.create_queue("logs")
        said = [text for queue in (url, f"{url}-missing") for text in asyncio.run(ask(queue, aws.options))]
    assert len(said) == 4
    assert "NonExistentQueue" in said[-1] or "does not exist" in said[-1]
    assert not [text for text in said if CANARY in text]


# ── the command line ──


@pytest.fixture
def quiet_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "quiet_one.py").write_text(
        "from cloudtrail_processing import EventProcessor\n"
        "class Quiet(EventProcessor):\n    def process(self, batch):\n        assert len(batch)\n"
        "class Broken(EventProcessor):\n    def process(self, batch):\n        raise LookupError('own words')\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    return "quiet_one"


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("processor", ["Quiet", "Broken"])
def test_process_tells_no_event_at_its_most_talkative(
    tmp_path: Path, quiet_processor: str, processor: str, log_format: str
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, body in LOGS.items():
        (folder / Path(key_of(name)).name).write_bytes(body)
    options = ["--log-level", "DEBUG", "--log-format", log_format, "--processor", f"{quiet_processor}:{processor}"]
    result = invoke("process", folder, *options)
    assert result.exit_code
    assert "no-json" in result.output
    assert CANARY not in result.output + result.stderr


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_command_line_shows_no_keys_in_its_tracebacks(
    indiscreet: str, log_format: str, quiet_processor: str
) -> None:
    env = {
        "AWS_ENDPOINT_URL": indiscreet,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "AWS_SESSION_TOKEN": KEYS.token or "",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    options = ["--log-level", "DEBUG", "--log-format", log_format, "--processor", f"{quiet_processor}:Quiet"]
    for place in ("s3://trail/ExpiredToken", "s3://trail/SignatureDoesNotMatch"):
        result = invoke("process", place, *options, env=env)
        assert result.exit_code
        assert result.output + result.stderr
        assert CANARY not in result.output + result.stderr
