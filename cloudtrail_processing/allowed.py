"""Which logs a message may name: the operator's list of buckets, accounts and organizations."""

from collections.abc import Sequence
from typing import NoReturn

import msgspec

from cloudtrail_processing.errors import NotAllowed, SettingsError
from cloudtrail_processing.filters.matching import TextTest, is_glob
from cloudtrail_processing.flow import LogObject

_LONGEST_URI = 1200
_OPEN = (
    "allowed_buckets is not set: whoever may send to the queue can have any bucket read that these credentials can "
    "read, and deliver events of his own making; name the trail's bucket"
)


class _Record(msgspec.Struct):
    account: str | None = msgspec.field(name="recipientAccountId", default=None)


_read_record = msgspec.json.Decoder(_Record).decode


class Allowed:
    """Refuses logs of buckets, accounts and organizations that were not named; what is left empty is open.

    ``*`` stands for any text and ``?`` for one character, as in filters; case counts. Only ``buckets`` proves anything:
    account and organization are what a key says, and in a bucket of his own anybody may choose his keys.

    Raises ``SettingsError`` for an empty text and for an account that is not twelve digits.
    """

    def __init__(
        self, *, buckets: Sequence[str] = (), accounts: Sequence[str] = (), organizations: Sequence[str] = ()
    ) -> None:
        for account in accounts:
            if not is_glob(account) and not (account.isascii() and account.isdigit() and len(account) == 12):
                raise SettingsError(f"allowed_accounts: {account[:64]!r} is no account: twelve digits, or a pattern")
        self._buckets = TextTest("allowed_buckets", buckets) if buckets else None
        self._accounts = TextTest("allowed_accounts", accounts) if accounts else None
        self._organizations = TextTest("allowed_organizations", organizations) if organizations else None

    def check(self, log: LogObject, *, inline: Sequence[bytes] = ()) -> None:
        """Return when the log may be read; raises ``NotAllowed``. Asks nobody: the log's names decide.

        A key that does not tell its account or organization is refused where that is limited. A file on disk, whose
        bucket is ``""``, was named by the operator and is always allowed.

        ``inline`` are the records of a message that brought them along, with ``log`` standing for the message. They lie
        in no bucket, so nothing guards them but the queue's policy and SNS's signature: with ``allowed_buckets`` they
        are refused. Without, every record has to name an allowed account as its recipient; a record tells no
        organization, so ``allowed_organizations`` refuses it.
        """
        if inline:
            self._check_inline(log, inline)
        elif log.bucket:
            _judge(self._buckets, log.bucket, log=log, setting="allowed_buckets")
            _judge(self._accounts, log.account, log=log, setting="allowed_accounts")
            _judge(self._organizations, log.organization, log=log, setting="allowed_organizations")

    def warnings(self) -> list[str]:
        """What is open, one sentence each, for the operator to read at start; none when buckets are limited."""
        if self._buckets:
            return []
        return [_OPEN]

    def _check_inline(self, log: LogObject, records: Sequence[bytes]) -> None:
        _judge(self._buckets, None, log=log, setting="allowed_buckets")
        _judge(self._organizations, None, log=log, setting="allowed_organizations")
        if self._accounts:
            for record in records:
                _judge(self._accounts, _recipient(record), log=log, setting="allowed_accounts")


def _judge(test: TextTest | None, name: str | None, *, log: LogObject, setting: str) -> None:
    if test is not None and not test(name):
        _refuse(log, name=name, setting=setting)


def _refuse(log: LogObject, *, name: str | None, setting: str) -> NoReturn:
    kind = setting.removeprefix("allowed_").removesuffix("s")
    why = (
        f"does not tell its {kind}, and {setting} is set"
        if name is None
        else f"{kind} {name[:64]!r} is not in {setting}"
    )
    raise NotAllowed(
        f"{log.uri[:_LONGEST_URI]}: {why}; nothing was asked of AWS and the message is kept: "
        f"if it is yours, add its {kind} to {setting}, else find out who may send to the queue"
    )


def _recipient(record: bytes) -> str | None:
    try:
        return _read_record(record).account
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
