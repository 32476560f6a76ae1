"""One check for each parser that reads what operators write, or that judges who may send: as in ``fuzz_checks``."""

import base64
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer
from cryptography.utils import CryptographyDeprecationWarning
from fuzz_checks import LOG, Broken, agree, must, text_of
from fuzz_seeds import CERTIFICATE

from cloudtrail_processing import keys, loading, sns
from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.cli.options import processor_option
from cloudtrail_processing.errors import NotAllowed, SettingsError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import SourceFilter, Where, decode_header
from cloudtrail_processing.filters.matching import AddressTest, TextTest
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing import record

_HERE = LogObject("", "file.json")
_NOW = datetime(2027, 1, 1, tzinfo=UTC)

# ── who may send, and what ──

_ALLOWED = Allowed(buckets=["b*"], accounts=["111122223333"], organizations=["o-*"])
_ANY_BUCKET = Allowed(accounts=["111122223333"])


def any_sender(data: bytes) -> None:
    """No body passes for one that SNS signed: each is ``NotAllowed``."""
    verifier = sns.SnsVerifier(lambda _: pem(CERTIFICATE), topics=["arn:aws:sns:*"], now=lambda: _NOW)
    try:
        verifier(QueueMessage("id", text_of(data), "receipt"))
    except NotAllowed as error:
        must(len(str(error)) < 2_000, "an error text is short")
        return
    raise Broken("nobody has the key")


def any_certificate(data: bytes) -> None:
    """No bytes are a certificate whose key made a signature that nobody made: all are ``NotAllowed``."""
    envelope = dict.fromkeys(("Message", "MessageId", "Subject", "Timestamp", "TopicArn"), "x") | {
        "Type": "Notification",
        "SignatureVersion": "2",
        "Signature": base64.b64encode(bytes(256)).decode(),
    }
    for certificate in (pem(data), data):
        try:
            with warnings.catch_warnings():  # the library warns of serial numbers that it will refuse some day
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                sns.check_signature(envelope, certificate, now=_NOW)
        except NotAllowed:
            continue
        raise Broken("nobody made that signature")


def pem(der: bytes) -> bytes:
    """A certificate as it is published."""
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def any_record_in_a_message(data: bytes) -> None:
    """Only a record whose last ``recipientAccountId`` is allowed passes; all others are ``NotAllowed``."""
    try:
        _ANY_BUCKET.check(LOG, inline=[data])
    except NotAllowed:
        return
    try:
        event = CloudTrailEvent.from_json(data)
    except ValueError:
        return  # no event: it will be set aside as a bad record
    must(event.recipient_account_id == "111122223333", "the event's account is what was judged")


def any_name(data: bytes) -> None:
    """Only allowed buckets, accounts and organizations pass; all others are ``NotAllowed``."""
    bucket, _, key = text_of(data).partition("\n")
    log = keys.log_object(bucket, key)
    try:
        _ALLOWED.check(log)
    except NotAllowed as error:
        must(len(str(error)) < 2_000 and str(error).isprintable(), "an error text is one short line")
        return
    passes = bucket.startswith("b") and log.account == "111122223333" and log.organization
    must(passes or not bucket, "what passes was named")


# ── settings and the command line ──


def any_file(suffix: str) -> Callable[[bytes], None]:
    """Any file is ``Settings``, or a ``SettingsError``."""

    def check(data: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="fuzz-", suffix=suffix) as file:
            file.write(data)
            file.flush()
            _settings(Path(file.name))

    return check


def _settings(path: Path | None = None) -> None:
    try:
        found = Settings.load(path)
    except SettingsError as error:
        must(str(error), "an error says what is wrong")
        return
    must(found.threads >= 1 and found.retry_delay <= found.max_retry_delay, "settings are checked")


def any_environment(data: bytes) -> None:
    """Any variables are ``Settings``, or a ``SettingsError``."""
    pairs = (line.partition(b"=") for line in data.replace(b"\x00", b"").split(b"\n"))
    with _variables({os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs if name}):
        _settings()


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Our variables in the environment, and what stood there before afterwards."""
    before = dict(os.environ)
    try:
        os.environ.update({f"{loading.PREFIX}{name}": value for name, value in values.items()})
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def any_option(data: bytes) -> None:
    """Any text is a name and a value, or a ``BadParameter``."""
    try:
        name, value = processor_option(text_of(data))
    except typer.BadParameter:
        return
    must(isinstance(name, str), "an option has a name")
    must(value is None or isinstance(value, bool | int | float | str | list | dict), "an option is a plain value")


_EVENT = CloudTrailEvent.from_dict(record())


def any_conditions(data: bytes) -> None:
    """Any text is a ``Where`` that answers, or a ``SettingsError``."""
    try:
        wanted = Where.parse(text_of(data))
    except SettingsError as error:
        must(len(str(error)) < 2_000, "an error text is short")
        return
    agree(wanted, _EVENT, decode_header(_EVENT.raw))
    must(all(wanted.on_log(log) in (None, True, False) for log in (LOG, _HERE)), "a filter answers on any key")
    must(repr(wanted), "a filter can be shown")


def any_glob(data: bytes) -> None:
    """Any text can be asked for, and asked of, or is a ``SettingsError``."""
    asked, *values = text_of(data).split("\n")
    try:
        test, address = TextTest("field", asked.split("|")), AddressTest("field", asked.split("|"))
        source = SourceFilter(key=asked, bucket=asked, account=asked.split("|"))
    except SettingsError:
        return
    answers = [answer for value in values for answer in (test(value), address(value))]
    answers += [source.accepts(keys.log_object(value[:20], value), None) for value in values]
    must(all(answer in (True, False) for answer in answers), "a test answers on any text")
    must(any(sign in asked for sign in "*?|") or test(asked), "a text matches itself")
