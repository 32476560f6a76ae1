"""Which logs to read at all, decided from the object key and the message before anything is downloaded."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import final

from cloudtrail_processing.errors import Refuse
from cloudtrail_processing.filters.matching import (
    Texts,
    TextTest,
    both,
    either,
    is_glob,
    known,
    moment,
    opposite,
    plain_callable,
    texts_of,
)
from cloudtrail_processing.flow import LogKind, LogObject, QueueMessage

SourceCallable = Callable[[LogObject, QueueMessage | None], object]
"""A user's own source filter: what it returns counts as true or false."""

_Question = Callable[[LogObject, QueueMessage | None], bool | None]


class SourceFilter:
    """Accepts a log when every condition given holds or cannot be told; without conditions, every log.

    ``account``, ``region``, ``organization``, ``kind``, ``bucket`` and ``key`` take a text or several alternatives,
    with the globs ``*`` and ``?``; ``key`` also takes a compiled regular expression, searched anywhere in the key.
    Slot times are compared as ``slot_from <= slot_time < slot_until`` (aware datetimes). ``attributes`` are message
    attributes by name, system attributes included. ``max_receive_count`` accepts messages received at most so often.

    What a key does not tell, and conditions on the message where there is none (files, listings), decide nothing:
    the log is accepted, also under ``~``. Combine with ``&``, ``|`` and ``~``; subclasses override ``decide``.

    A log that is not accepted counts as settled, so its message may be **deleted for good**. A message received more
    than ``max_receive_count`` times is therefore not skipped but refused (``Refuse``): it becomes a dead letter. The
    Java library's sample used its filter for that, and lost such messages.

    Raises ``SettingsError`` for a condition that cannot be understood. (Java: ``SourceFilter``.)
    """

    def __init__(
        self,
        *,
        account: Texts | None = None,
        region: Texts | None = None,
        organization: Texts | None = None,
        kind: Texts | None = None,
        bucket: Texts | None = None,
        key: Texts | re.Pattern[str] | None = None,
        slot_from: datetime | None = None,
        slot_until: datetime | None = None,
        attributes: Mapping[str, Texts] | None = None,
        max_receive_count: int | None = None,
    ) -> None:
        texts: dict[str, Texts | None] = {"account": account, "region": region, "organization": organization}
        texts |= {"kind": _checked_kind(kind), "bucket": bucket, "key": None if isinstance(key, re.Pattern) else key}
        questions = [_told(name, wanted) for name, wanted in texts.items() if wanted is not None]
        if isinstance(key, re.Pattern):
            questions.append(_searched(key))
        if slot_from is not None:
            questions.append(_slot(operator.ge, moment("slot_from", slot_from)))
        if slot_until is not None:
            questions.append(_slot(operator.lt, moment("slot_until", slot_until)))
        questions += [_attribute(name, wanted) for name, wanted in (attributes or {}).items()]
        if max_receive_count is not None:
            questions.append(_received_at_most(max_receive_count))
        self._questions = tuple(questions)

    def decide(self, log: LogObject, message: QueueMessage | None) -> bool | None:
        """True to accept, False to skip, None when it cannot be told; subclasses override this one."""
        answer: bool | None = True
        for question in self._questions:
            answer = both(answer, question(log, message))
        return answer

    @final
    def accepts(self, log: LogObject, message: QueueMessage | None) -> bool:
        """False when the log is to be skipped. ``message`` is None for logs that no message announced."""
        return self.decide(log, message) is not False

    def __and__(self, other: "SourceFilter | SourceCallable") -> "SourceFilter":
        return _Combined(both, self, source_filter(other))

    def __or__(self, other: "SourceFilter | SourceCallable") -> "SourceFilter":
        return _Combined(either, self, source_filter(other))

    def __invert__(self) -> "SourceFilter":
        return _Opposite(self)


def source_filter(wanted: SourceFilter | SourceCallable | None) -> SourceFilter:
    """``wanted`` as a ``SourceFilter``: itself, around a callable ``(log, message) -> bool``, or for None one for all.

    What a callable returns counts as true or false; what it raises goes through. Raises ``SettingsError`` for anything
    else, for a class instead of an instance, and for an async callable, whose answer would always be true.
    """
    if wanted is None:
        return SourceFilter()
    return wanted if isinstance(wanted, SourceFilter) else _Asked(plain_callable("source filter", wanted))


class _Combined(SourceFilter):
    def __init__(self, how: Callable[[bool | None, bool | None], bool | None], *parts: SourceFilter) -> None:
        self._how = how
        self._first, self._second = parts

    def decide(self, log: LogObject, message: QueueMessage | None) -> bool | None:
        return self._how(self._first.decide(log, message), self._second.decide(log, message))


class _Opposite(SourceFilter):
    def __init__(self, part: SourceFilter) -> None:
        self._part = part

    def decide(self, log: LogObject, message: QueueMessage | None) -> bool | None:
        return opposite(self._part.decide(log, message))


class _Asked(SourceFilter):
    def __init__(self, function: SourceCallable) -> None:
        self._function = function

    def decide(self, log: LogObject, message: QueueMessage | None) -> bool | None:
        return bool(self._function(log, message))


# ── the conditions ──


def _told(field: str, wanted: Texts) -> _Question:
    test = TextTest(field, wanted)

    def question(log: LogObject, message: QueueMessage | None) -> bool | None:
        value: str | None = getattr(log, field)
        if not log.bucket and (field == "bucket" or message is not None):
            return None  # a file on disk, or records that came inside a message: there is no bucket, or no key to ask
        if value is None:
            # A key with the usual folders tells whether the log is an organization's; a bare file name does not.
            return False if field == "organization" and "AWSLogs/" in log.key else None
        return test(value)

    return question


def _searched(pattern: re.Pattern[str]) -> _Question:
    return lambda log, message: None if message and not log.bucket else pattern.search(log.key) is not None


def _slot(compare: Callable[[datetime, datetime], bool], bound: datetime) -> _Question:
    return lambda log, _: None if log.slot_time is None else compare(log.slot_time, bound)


def _attribute(name: str, wanted: Texts) -> _Question:
    test = TextTest(f"attribute {name}", wanted)
    return lambda _, message: None if message is None else test(message.attributes.get(name))


def _received_at_most(count: int) -> _Question:
    def question(_: LogObject, message: QueueMessage | None) -> bool | None:
        if message is not None and message.receive_count > count:
            times = f"{message.receive_count} times, more than the {count} that the source filter allows"
            raise Refuse(f"message {message.message_id} was received {times}")
        return None if message is None else True

    return question


def _checked_kind(wanted: Texts | None) -> Texts | None:
    """Kinds are few and known: a spelling that is none of them would quietly skip every log."""
    if wanted is None:
        return None
    names = [kind.value for kind in LogKind]
    return [name if is_glob(name) else known("kind", name, names) for name in texts_of("kind", wanted)]
