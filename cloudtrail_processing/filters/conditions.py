"""What ``Where`` can ask of an event, as one table: how to test it, and where a header, an event or a key tells it."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Self

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent, parse_time
from cloudtrail_processing.events.values import as_text, reach
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.filters.matching import (
    AddressTest,
    Texts,
    TextTest,
    is_address,
    is_glob,
    known,
    moment,
    texts_of,
)
from cloudtrail_processing.filters.needles import Needles, needles_of
from cloudtrail_processing.flow import LogKind, LogObject

Test = Callable[[Any], bool]
"""Takes what was read, None where the record does not have it."""

_CATEGORIES = ("Management", "Data", "Insight", "NetworkActivity", "Aggregated", "ActivityAuditLog")
_CANNOT_TELL: Final = object()
_KIND_OF_ITS_OWN = MappingProxyType(
    {
        LogKind.INSIGHT: "Insight",
        LogKind.NETWORK_ACTIVITY: "NetworkActivity",
        LogKind.AGGREGATED: "Aggregated",
    }
)


# ── tests: what was asked → how a value is judged ──


def _flag(name: str, wanted: object) -> Test:
    if not isinstance(wanted, bool):
        raise SettingsError(f"{name} takes true or false, not {wanted!r:.80}")
    return lambda value: value is wanted


def _category(name: str, wanted: Any) -> Test:
    """Categories are few and known: a spelling that is none of them would quietly want nothing."""
    checked = [text if is_glob(text) else known(name, text, _CATEGORIES) for text in texts_of(name, wanted)]
    return TextTest(name, checked)


def _any_text(name: str, wanted: Any) -> Test:
    test = TextTest(name, wanted)
    return lambda values: any(test(value) for value in values)


def _time(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, Any], Test]:
    def make(name: str, wanted: datetime) -> Test:
        bound = moment(name, wanted)
        return lambda value: value is not None and compare(value, bound)

    return make


# ── spelling: the values of a text → what was asked ──


def _spelled_flag(name: str, values: tuple[str, ...]) -> bool:
    match [value.lower() for value in values]:
        case ["true"]:
            return True
        case ["false"]:
            return False
    raise SettingsError(f"{name} takes true or false, not {'|'.join(values)!r:.80}")


def _spelled_time(name: str, values: tuple[str, ...]) -> datetime:
    try:
        (value,) = values
        found = datetime.fromisoformat(value)
    except ValueError:
        example = "2026-01-31T12:00:00Z"
        raise SettingsError(f"{name} takes one time such as {example}, not {'|'.join(values)!r:.80}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# ── reading: where a header, an event or a key tells the value ──


def _at(*path: str) -> Callable[[object], str | None]:
    """The text at a path of attributes, in a header or an event alike: both use the same names."""
    return lambda source: as_text(reach(source, *path))


def _at_each(*paths: tuple[str, ...]) -> Callable[[object], tuple[str | None, ...]]:
    readers = tuple(_at(*path) for path in paths)
    return lambda source: tuple(read(source) for read in readers)


_caller_account = _at("user_identity", "account_id")
_issuer_account = _at("user_identity", "session_context", "session_issuer", "account_id")


def _account_in_header(header: Header) -> str | None:
    return header.recipient_account_id or _caller_account(header) or _issuer_account(header)


def _category_in_header(header: Header) -> str:
    return header.event_category or ("Data" if header.management_event is False else "Management")


def _failed_in_header(header: Header) -> object:
    """Only the response, which is not in the header, tells whether somebody could sign in."""
    return True if header.error_code else _CANNOT_TELL if header.event_source == "signin.amazonaws.com" else False


def _nothing_by_log(test: Any, log: LogObject) -> None:
    """The key proves nothing.

    Not even the region: CloudTrail writes events of global services, with ``us-east-1`` as their region, into the logs
    of other regions (34 of 30,000 real records). Nor ``until``: an event may be delivered weeks late, in a slot long
    after it happened.
    """
    del test, log


def _account_by_log(test: Test, log: LogObject) -> bool | None:
    """A log holds the events that its account received; ``recipientAccountId`` says the same."""
    return None if log.account is None else test(log.account)


def _category_by_log(test: TextTest, log: LogObject) -> bool | None:
    """Three categories have logs of their own and are in no others."""
    if log.kind in _KIND_OF_ITS_OWN:
        return test(_KIND_OF_ITS_OWN[log.kind])
    asks_for_others = test.finite is not None and test.finite.issubset(_KIND_OF_ITS_OWN.values())
    return False if log.kind is LogKind.EVENTS and asks_for_others else None


def _since_by_log(test: Test, log: LogObject) -> bool | None:
    """No event is later than the end of the slot it was delivered in; aggregated events have no time at all."""
    if log.slot_time is None or log.kind is LogKind.AGGREGATED or not log.kind.is_log:
        return None
    return None if test(log.slot_time) else False


# ── needles: what was asked → what the bytes of a record that has it must hold ──


def _nothing_in_bytes(wanted: object) -> None:
    """Nothing can be searched for: it is derived, no text, or stands in most records."""
    del wanted


def _texts_in_bytes(wanted: Texts) -> Needles | None:
    return needles_of(texts_of("a text", wanted))


def _names_in_bytes(wanted: Texts) -> Needles | None:
    """Addresses can be spelled in many ways, the names of services cannot."""
    return None if any(map(is_address, texts_of("a name", wanted))) else _texts_in_bytes(wanted)


# ── the table ──


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One thing that can be asked. ``in_header`` gives None for what is absent, ``_CANNOT_TELL`` to ask the event.

    ``in_bytes`` only tells of a text that the record has as it is: that of an attribute that nothing else fills.
    """

    in_event: Callable[[CloudTrailEvent], object]
    in_header: Callable[[Header], object]
    test: Callable[[str, Any], Test] = TextTest
    by_log: Callable[[Any, LogObject], bool | None] = _nothing_by_log
    in_bytes: Callable[[Any], Needles | None] = _nothing_in_bytes
    spelled: Callable[[str, tuple[str, ...]], object] = lambda _, values: values


def _text(*path: str) -> _Field:
    return _Field(in_event=_at(*path), in_header=_at(*path))


def _telling(*path: str) -> _Field:
    return replace(_text(*path), in_bytes=_texts_in_bytes)


def _texts(*paths: tuple[str, ...]) -> _Field:
    return _Field(in_event=_at_each(*paths), in_header=_at_each(*paths), test=_any_text, in_bytes=_texts_in_bytes)


def _moment(
    compare: Callable[[datetime, datetime], bool],
    by_log: Callable[[Test, LogObject], bool | None] = _nothing_by_log,
) -> _Field:
    return _Field(
        in_event=lambda event: event.event_time,
        in_header=lambda header: parse_time(header.event_time),
        test=_time(compare),
        by_log=by_log,
        spelled=_spelled_time,
    )


_ISSUER = ("user_identity", "session_context", "session_issuer")
_FIELDS = MappingProxyType(
    {
        "event_source": _telling("event_source"),
        "event_name": _telling("event_name"),
        "account_id": _Field(
            in_event=lambda event: event.account_id, in_header=_account_in_header, by_log=_account_by_log
        ),
        "region": _text("aws_region"),
        "read_only": _Field(
            in_event=lambda event: event.is_read_only,
            in_header=lambda header: header.read_only,
            test=_flag,
            spelled=_spelled_flag,
        ),
        "failed": _Field(
            in_event=lambda event: event.failed, in_header=_failed_in_header, test=_flag, spelled=_spelled_flag
        ),
        "error_code": _telling("error_code"),
        "identity_type": _text("user_identity", "type"),
        "arn": _texts(("user_identity", "arn"), (*_ISSUER, "arn")),
        "user_name": _texts(("user_identity", "user_name"), (*_ISSUER, "user_name")),
        "principal_id": _telling("user_identity", "principal_id"),
        "source_ip": replace(_text("source_ip_address"), test=AddressTest, in_bytes=_names_in_bytes),
        "user_agent": _telling("user_agent"),
        "category": _Field(
            in_event=lambda event: event.category,
            in_header=_category_in_header,
            test=_category,
            by_log=_category_by_log,
        ),
        "event_type": _text("event_type"),
        "since": _moment(operator.ge, _since_by_log),
        "until": _moment(operator.lt),
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing asked: a field, what was wanted of it, and whether the answer is to be turned around."""

    name: str
    wanted: object
    negated: bool
    _field: _Field
    _test: Test

    @classmethod
    def ask(cls, name: str, wanted: object, *, negated: bool = False) -> Self:
        """Ask for ``wanted`` as given in Python; ``SettingsError`` for an unknown field or an impossible wish."""
        field = _FIELDS[known("field", name, _FIELDS)]
        return cls(name, wanted, negated, field, field.test(name, wanted))

    @classmethod
    def spelled(cls, name: str, values: tuple[str, ...], *, negated: bool) -> Self:
        """Ask for what is spelled as text: ``true`` is a flag for one field and a text for another."""
        field = _FIELDS[known("field", name, _FIELDS)]
        return cls.ask(name, field.spelled(name, values), negated=negated)

    def on_log(self, log: LogObject) -> bool | None:
        """What the key proves for every event of the log. The name of a file on disk proves nothing.

        Files get renamed and made anonymous (a public data set has other accounts inside than in its file names), and
        skipping one would spare no download.
        """
        answer = self._field.by_log(self._test, log) if log.bucket else None
        return answer if answer is None else answer is not self.negated

    def on_header(self, header: Header) -> bool | None:
        """The answer of ``on_event``, or None."""
        value = self._field.in_header(header)
        return None if value is _CANNOT_TELL else self._test(value) is not self.negated

    def on_event(self, event: CloudTrailEvent) -> bool:
        """Whether the event has what was asked for."""
        return self._test(self._field.in_event(event)) is not self.negated

    def needles(self) -> Needles | None:
        """Bytes of which every record that has what was asked for holds one; None when nothing can be said."""
        return None if self.negated else self._field.in_bytes(self.wanted)

    def __str__(self) -> str:
        return f"{self.name}{'!' if self.negated else ''}={self.wanted!r}"
