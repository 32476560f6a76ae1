"""What proves logs, opened as the settings name it: the ledger, CloudTrail's public keys, the listing of digests."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cloudtrail_processing.aws.keys import S3Keys
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.aws.trails import CloudTrail
from cloudtrail_processing.checkpoint import open_ledger
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.logfile import Limits
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.ports import KeySource, PublicKeySource
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import LoggingReporter, Progress
from cloudtrail_processing.publickeys import KeyFile
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.times import TimeRange
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.verification import Digests, Policy, Rounds, Teller, Verifier
from cloudtrail_processing.verification.rounds import Settle

_NOWHERE = (
    "verify needs a place to remember hashes, which all workers share: set checkpoint to sqlite:FILE (one machine) or "
    "dynamodb:TABLE (several); memory will do for a single process"
)


def opened_proof(settings: Settings, parts: Parts, *, aws: AwsOptions, closing: ExitStack | AsyncExitStack) -> Parts:
    """The parts with those that proving logs needs; as they are, when nothing is to be proven.

    Raises ``SettingsError`` when there is no place for the ledger. Nothing is asked of AWS here.
    """
    if settings.verify == "off":
        return parts
    ledger = parts.ledger
    if ledger is None:
        if not settings.checkpoint:
            raise SettingsError(_NOWHERE)
        ledger = open_ledger(settings.checkpoint, options=aws, beside=parts.checkpoint)
        closing.callback(ledger.close)
    keys = parts.public_keys or open_public_keys(settings, aws)
    return replace(parts, ledger=ledger, public_keys=keys, listing=parts.listing or partial(_listed, aws))


def open_public_keys(settings: Settings, aws: AwsOptions) -> PublicKeySource:
    """The keys in the file that the setting ``public_keys`` names, else those that CloudTrail tells."""
    return CloudTrail(aws) if settings.public_keys is None else KeyFile(settings.public_keys)


def make_digests(
    processors: Sequence[EventProcessor[Any]],
    *,
    settings: Settings,
    parts: Parts,
    user_code: UserCode,
    limits: Limits,
) -> Digests | None:
    """What proves logs, by ``opened`` parts; None when nothing is to be proven."""
    if settings.verify == "off" or parts.ledger is None or parts.public_keys is None:
        return None
    reporter = LoggingReporter() if parts.reporter is None else parts.reporter
    policy = Policy(
        is_required=settings.verify == "require",
        grace=settings.verify_grace,
        namespace=settings.checkpoint_namespace,
        patience=settings.checkpoint_time,
    )
    verifier = Verifier(
        parts.ledger,
        teller=Teller(processors, user_code=user_code, progress=Progress(reporter)),
        now=_now if parts.clock is None else parts.clock.now,
        policy=policy,
    )
    return Digests(verifier, parts.public_keys, limits=limits)


def make_rounds(digests: Digests | None, settle: Settle, *, parts: Parts) -> Rounds | None:
    """What looks for digests that no message names; ``settle`` settles one, as ``Pipeline.process_log`` does."""
    if digests is None or parts.listing is None:
        return None
    return Rounds(digests, listing=parts.listing, settle=settle)


def _listed(aws: AwsOptions, folder: str, times: TimeRange) -> KeySource:
    return S3Keys(folder, aws, everything=True, times=times)


def _now() -> datetime:
    return datetime.now(UTC)
