"""``Where``: events by their fields, each condition decided as early as it can be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.conditions import Condition
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.filters.matching import Texts, both, is_glob
from cloudtrail_processing.filters.needles import Needles, best_of
from cloudtrail_processing.filters.text import SpelledCondition, spelled_conditions
from cloudtrail_processing.flow import LogObject


class Where(EventFilter):
    """Wants the events for which every condition given holds; without conditions, every event.

    Texts are exact, a list of alternatives, or globs (``*`` any characters, ``?`` one); case counts. A field that the
    record does not have satisfies no condition on it, ``"*"`` included. Repeat nothing for "or": combine with ``|``.

    * ``event_source``, ``event_name``, ``region`` (the record's), ``error_code``, ``event_type``, ``user_agent``
    * ``account_id``, ``category``, ``failed``, ``read_only``: as ``CloudTrailEvent`` derives them
    * ``identity_type``, ``principal_id``; ``arn`` and ``user_name``: the caller's own or those of the role it assumed
    * ``source_ip``: an address, a network such as ``10.0.0.0/8`` or ``2001:db8::/32``, or a service's name
    * ``since`` and ``until``: ``since <= event_time < until``, aware datetimes

    ``account_id``, ``category`` and ``since`` can spare the download of a log whose key rules it out; files on disk are
    always read.
    Raises ``SettingsError`` for a condition that cannot be understood.
    """

    def __init__(
        self,
        *,
        event_source: Texts | None = None,
        event_name: Texts | None = None,
        account_id: Texts | None = None,
        region: Texts | None = None,
        read_only: bool | None = None,
        failed: bool | None = None,
        error_code: Texts | None = None,
        identity_type: Texts | None = None,
        arn: Texts | None = None,
        user_name: Texts | None = None,
        principal_id: Texts | None = None,
        source_ip: Texts | None = None,
        user_agent: Texts | None = None,
        category: Texts | None = None,
        event_type: Texts | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        asked: dict[str, object] = {"event_source": event_source, "event_name": event_name, "account_id": account_id}
        asked |= {"region": region, "read_only": read_only, "failed": failed, "error_code": error_code}
        asked |= {"identity_type": identity_type, "arn": arn, "user_name": user_name, "principal_id": principal_id}
        asked |= {"source_ip": source_ip, "user_agent": user_agent, "category": category, "event_type": event_type}
        asked |= {"since": since, "until": until}
        given = ((field, wanted) for field, wanted in asked.items() if wanted is not None)
        self._conditions = tuple(Condition.ask(field, wanted) for field, wanted in given)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The filter that ``text`` spells: ``event_source=iam.amazonaws.com,event_name!=Get*|List*``.

        ``,`` means AND, ``|`` separates alternatives, ``!=`` negates (and so holds for records without the field).
        A value with ``,`` or ``|`` in it stands in quotes. Booleans are ``true`` and ``false``; times are ISO 8601, in
        UTC unless they say otherwise, a date alone meaning its midnight. Raises ``SettingsError``.
        """
        where = cls()
        spelled = list(spelled_conditions(text))
        _check_possible(spelled)
        where._conditions = tuple(Condition.spelled(it.field, it.values, negated=it.negated) for it in spelled)
        return where

    def on_log(self, log: LogObject) -> bool | None:
        """Only where the key is proof: the account, the category by the kind, ``since`` by the end of the slot."""
        return _all(condition.on_log(log) for condition in self._conditions)

    def on_header(self, header: Header) -> bool | None:
        """Everything but whether a sign-in failed, which its response tells."""
        return _all(condition.on_header(header) for condition in self._conditions)

    def on_event(self, event: CloudTrailEvent) -> bool:
        """The same answer as ``on_header``, where that has one."""
        return all(condition.on_event(event) for condition in self._conditions)

    def needles(self) -> Needles | None:
        """What every event that is called so, failed so or came from there must hold; else what others tell of it."""
        telling = [it for it in self._conditions if it.name in _TELLING]
        return best_of(it.needles() for it in telling) or best_of(it.needles() for it in self._conditions)

    def __repr__(self) -> str:
        return f"Where({', '.join(map(str, self._conditions))})"


_TELLING = ("event_name", "error_code", "event_source")


def _check_possible(spelled: Sequence[SpelledCondition]) -> None:
    """A field cannot have two exact values at once: that would quietly want nothing, and let every message go."""
    exact = Counter(it.field for it in spelled if not it.negated and not any(map(is_glob, it.values)))
    if twice := [field for field, count in exact.items() if count > 1]:
        raise SettingsError(f"{twice[0]} is asked for twice; write alternatives as {twice[0]}=A|B")


def _all(answers: Iterable[bool | None]) -> bool | None:
    result: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        result = both(result, answer)
    return result
