"""Every parser that is fuzzed: what it gives, its check, its seeds, and the words that it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import fuzz_checks as checks
import fuzz_operators as operators
import fuzz_seeds as seeds

from cloudtrail_processing import (
    allowed,
    counting,
    events,
    keys,
    loading,
    logfile,
    notification,
    properties,
    quarantine,
    reading,
    settings,
    sns,
    spans,
)
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import conditions, logs, matching, text, where
from cloudtrail_processing.settings import Settings

_ODD = ("null", "true", "NaN", "-1e999", "[]", "{}", '"\\ud800"', "\x00", "\ufeff", "\u0661", "9" * 20)
_RECORD = (*_ODD, *(str(each.alias) for each in CloudTrailEvent.model_fields.values()), "arn", "sessionIssuer")
_SHAPES = (*_ODD, "Records", "Message", "detail", "s3ObjectKey", "aws:s3", "via CloudTrail", "%ff", "+", "AWSLogs/")
_FORMS = (*_RECORD, "Records", "Events", "CloudTrailEvent", "logEvents", "detail-type", "message", "\n", ",", "]")
_NAMES = (*_ODD, *Settings.model_fields, "\n", "=", "[")
_SIGNED = (*_ODD, "Type", "Signature", "SigningCertURL", "TopicArn", "Subject", "\n", "Notification", "1", "2")


@dataclass(frozen=True, slots=True)
class Target:
    """One parser: ``check`` raises what breaks its promise: any input → what it ``gives``.

    ``modules`` are what it is made of; ``share`` says how large a part of all inputs it gets: slow parsers get a
    smaller one. ``words`` are what a mutation may put in.
    """

    name: str
    gives: str
    check: Callable[[bytes], None]
    seeds: seeds.Seeds
    modules: tuple[ModuleType, ...]
    share: int
    words: tuple[str, ...] = _ODD


_BODY = "Notification | Ignored | NotificationError"
_LOG = "events and rejected records | CorruptLog"
_SETTINGS = "Settings | SettingsError"
_NOT = "… | NotAllowed"
_ASKED = (where, conditions, text, matching)
_EVENTS = (events.record, events.event, events.forgiving, events.parsing, events.actor, events.kinds, events.insight)
_REAL_BODIES = seeds.and_real(seeds.bodies, ".json")
_REAL_LOGS = seeds.and_real(seeds.logs, ".json.gz")
_REAL_FORMS = seeds.and_real(seeds.forms, ".json", ".jsonl")
_REAL_RECORDS = seeds.and_real(seeds.records, ".jsonl")

TARGETS = (
    Target("notification", _BODY, checks.any_body, _REAL_BODIES, (notification,), 18, _SHAPES + _RECORD),
    Target("sender", "NotAllowed", operators.any_sender, seeds.senders, (sns,), 6, _SIGNED),
    Target("certificate", "NotAllowed", operators.any_certificate, seeds.certificates, (sns,), 6),
    Target("allowed name", _NOT, operators.any_name, seeds.keys, (allowed,), 5, (*_SHAPES, "o-", "b")),
    Target("allowed record", _NOT, operators.any_record_in_a_message, seeds.records, (allowed,), 5, _RECORD),
    Target("key", "LogObject", checks.any_key, seeds.keys, (keys,), 10, _SHAPES),
    Target("log", _LOG, checks.any_log, _REAL_LOGS, (logfile, counting, spans), 18, _FORMS),
    Target("any form", "events, then CorruptLog", checks.any_form, _REAL_FORMS, (reading, spans), 14, _FORMS),
    Target("event", "CloudTrailEvent | ValueError", checks.any_event, _REAL_RECORDS, _EVENTS, 12, _RECORD),
    Target("digest", "DigestFile | ValueError", checks.any_digest, seeds.digests, (events.digest,), 8),
    Target("quarantine", "Quarantined | CorruptLog", checks.any_quarantined, seeds.lines, (quarantine,), 6),
    Target(
        "where", "Where | SettingsError", operators.any_conditions, seeds.wishes, _ASKED, 10, ("|", ",", "=", '"', "*")
    ),
    Target(
        "glob", "an answer | SettingsError", operators.any_glob, seeds.globs, (matching, logs), 3, ("*", "?", "/8", ":")
    ),
    Target("option", "a name and a value | BadParameter", operators.any_option, seeds.options, (), 6),
    Target("toml", _SETTINGS, operators.any_file(".toml"), seeds.toml, (settings, loading), 3, _NAMES),
    Target("properties", _SETTINGS, operators.any_file(".properties"), seeds.java, (properties,), 2),
    Target("environment", _SETTINGS, operators.any_environment, seeds.variables, (settings, loading), 2, _NAMES),
)
"""Every parser, in the order in which data meets it."""
