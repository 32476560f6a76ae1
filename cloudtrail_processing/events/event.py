"""``CloudTrailEvent``: management and data events, and the base of all other kinds."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import product
from operator import attrgetter
from typing import Any, ClassVar, Final, Self, cast

from pydantic import Field, computed_field

from cloudtrail_processing.events.actor import UNKNOWN, actor_of
from cloudtrail_processing.events.identity import UserIdentity
from cloudtrail_processing.events.parts import Addendum, EdgeDeviceDetails, EventContext, Resource, TlsDetails
from cloudtrail_processing.events.record import Record
from cloudtrail_processing.events.values import EventVersion, as_bool, as_text, parse_time, reach

_PLAIN_CATEGORIES: Final = ("Management", "Data", None)
_PLAIN_TYPES: Final = ("AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", "AwsConsoleAction")
_PLAIN: Final = frozenset(product(_PLAIN_TYPES, _PLAIN_CATEGORIES))
"""What nearly all events are: of no kind that has a class of its own."""
_type_and_category: Final = attrgetter("event_type", "event_category")
_LONGEST_IN_REPR: Final = 100


class CloudTrailEvent(Record):
    """One thing that happened, as CloudTrail tells it. Java: ``CloudTrailEvent`` and ``CloudTrailEventData``.

    Management and data events are of this class itself; ``NetworkActivityEvent``, ``InsightEvent``,
    ``AggregatedEvent`` and ``ActivityEvent`` are the other kinds. Attributes are snake_case, CloudTrail's own names
    are their aliases. Fields that AWS documents as always present are never None: they are empty where a record lacks
    them. All others are None when absent or null.

    A wrong type never costs an event: the value stays as it came and ``anomalies`` names it. Unknown fields are in
    ``model_extra``, here and in every part; ``raw`` is the record byte for byte and ``to_dict()`` all of it, parsed.
    Events are frozen, compare and hash by their bytes, and can be pickled. Their ``repr`` shows no content.

    Source: AWS CloudTrail User Guide, "CloudTrail record contents", up to eventVersion 1.11.
    """

    __slots__ = ()

    kinds: ClassVar[tuple[str, ...]] = ()
    """The eventCategory of this kind of event, then its eventTypes; empty for management and data events."""

    event_version: str = ""
    user_identity: UserIdentity = UserIdentity()
    event_time_text: str | None = Field(default=None, exclude=True)
    """``eventTime`` as written; ``event_time`` is the moment."""
    event_source: str = ""
    event_name: str = ""
    aws_region: str = ""
    source_ip_address: str | None = None
    """An IPv4 or IPv6 address, the DNS name of a service, or ``AWS Internal``."""
    user_agent: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    event_id: str = ""
    read_only: bool | None = None
    resources: list[Resource] | None = None
    event_type: str = ""
    api_version: str | None = None
    management_event: bool | None = None
    recipient_account_id: str | None = None
    shared_event_id: str | None = None
    vpc_endpoint_id: str | None = None
    vpc_endpoint_account_id: str | None = None
    event_category: str | None = None
    addendum: Addendum | None = None
    session_credential_from_console: str | bool | None = None
    edge_device_details: EdgeDeviceDetails | None = None
    tls_details: TlsDetails | None = None
    event_context: EventContext | None = None
    annotation: str | None = None

    # ── free-form parts: read from the record when asked for ──

    @computed_field(alias="requestParameters")  # type: ignore[prop-decorator]
    @property
    def request_parameters(self) -> dict[str, Any] | None:
        """What was asked for. Hidden or omitted content stays as it came: ``HIDDEN``, or see ``is_omitted``."""
        return self._free("requestParameters")

    @computed_field(alias="responseElements")  # type: ignore[prop-decorator]
    @property
    def response_elements(self) -> dict[str, Any] | None:
        """What was answered; None for most read-only calls. Hidden or omitted content stays as it came."""
        return self._free("responseElements")

    @computed_field(alias="additionalEventData")  # type: ignore[prop-decorator]
    @property
    def additional_event_data(self) -> dict[str, Any] | None:
        """What belongs to neither request nor response. Hidden or omitted content stays as it came."""
        return self._free("additionalEventData")

    @computed_field(alias="serviceEventDetails")  # type: ignore[prop-decorator]
    @property
    def service_event_details(self) -> dict[str, Any] | None:
        """What a service event was about. Hidden or omitted content stays as it came; some are plain text."""
        return self._free("serviceEventDetails")

    def _free(self, wire: str) -> dict[str, Any] | None:
        return cast("dict[str, Any] | None", self._record.get(wire))

    # ── derived ──

    @computed_field(alias="eventTime")  # type: ignore[prop-decorator]
    @property
    def event_time(self) -> datetime | None:
        """When it happened, aware and in UTC, usually in whole seconds; None when absent or unreadable."""
        return parse_time(self.event_time_text)

    @property
    def anomalies(self) -> tuple[str, ...]:
        """Wire paths of values that have another type than documented, and ``eventTime`` if nobody can read it.

        The event holds these values as they came. Free-form parts are never checked.
        """
        odd = super().anomalies
        readable = self.event_time_text is None or self.event_time is not None
        return odd if readable or "eventTime" in odd else (*odd, "eventTime")

    @property
    def version(self) -> EventVersion:
        """``event_version`` as two integers, so that 1.10 > 1.9; ``(0, 0)`` when unreadable."""
        return EventVersion.parse(self.event_version)

    @property
    def account_id(self) -> str | None:
        """The account whose event this is: the recipient, else the caller's account, else the session issuer's."""
        issuer = reach(self.user_identity, "session_context", "session_issuer")
        accounts = (self.recipient_account_id, reach(self.user_identity, "account_id"), reach(issuer, "account_id"))
        return next(filter(None, map(as_text, accounts)), None)

    @property
    def category(self) -> str:
        """``event_category``, also for records before 1.07 that lack it: from their class or ``managementEvent``."""
        if known := as_text(self.event_category):
            return known
        if self.kinds:
            return self.kinds[0]
        return "Data" if as_bool(self.management_event) is False else "Management"

    @property
    def failed(self) -> bool:
        """True when AWS refused or could not do what was asked, failed sign-ins included."""
        if self.error_code:
            return True
        answer = self.response_elements if self.event_source == "signin.amazonaws.com" else None
        return isinstance(answer, dict) and answer.get(str(self.event_name)) == "Failure"

    @property
    def is_read_only(self) -> bool | None:
        """Whether the call could change nothing; None when the record does not tell."""
        return as_bool(self.read_only)

    @property
    def actor(self) -> str:
        """Who did it, in one readable string; ``unknown`` when the record does not tell.

        Such as ``role/Admin session bob (123456789012)``, ``root (123456789012)`` or ``ec2.amazonaws.com``.
        ``actor_of`` has the whole table.
        """
        return actor_of(self.user_identity)

    # ── kinds ──

    @classmethod
    def describes(cls, event: "CloudTrailEvent") -> bool:
        """True when ``event`` is of this kind."""
        return event.event_category in cls.kinds or event.event_type in cls.kinds

    @classmethod
    def _is_plain(cls, values: Any) -> bool:
        return values.event_type in _PLAIN_TYPES and values.event_category in _PLAIN_CATEGORIES

    @classmethod
    def _are_plain(cls, heads: Sequence[Any]) -> bool:
        with suppress(AttributeError):  # None has neither type nor category
            return _PLAIN.issuperset(map(_type_and_category, heads))
        return False

    @classmethod
    def _kind_of(cls, event: Self) -> type[Self]:
        if cls is not CloudTrailEvent or cls._is_plain(event):
            return cls
        kinds = (kind for kind in CloudTrailEvent.__subclasses__() if kind.kinds and kind.describes(event))
        return cast("type[Self]", next(kinds, CloudTrailEvent))

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Enough to find the event again; never its content, so that it cannot reach a log by accident."""
        yield "event_name", _short(self.event_name)
        yield "event_source", _short(self.event_source)
        yield "event_time", str(self.event_time)
        yield "event_id", _short(self.event_id)


def _short(value: object) -> str:
    return value[:_LONGEST_IN_REPR] if isinstance(value, str) else UNKNOWN
