"""Does a bucket belong to an account that the operator expects? Asked of S3 once per bucket."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cloudtrail_processing.aws.failures import code_of
from cloudtrail_processing.aws.once import Once
from cloudtrail_processing.errors import ConfigurationError, NotAllowed, SettingsError
from cloudtrail_processing.flow import LogObject

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MOST_BUCKETS = 1024
_DENIED = ("403", "AccessDenied")
_REFUSED, _GOOD = "refused", "good"


class BucketOwners:
    """Refuses buckets that belong to none of ``owners``; with no owners every bucket is taken.

    A bucket of an expected name that somebody else owns, since the name was free, would deliver forged logs. The
    answer for a bucket is remembered as long as this lives; no answer is not.

    Raises ``SettingsError`` for an owner that is not an account of twelve digits.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """

    def __init__(self, owners: Sequence[str] = (), *, request_payer: bool = False) -> None:
        for owner in owners:
            if not (owner.isascii() and owner.isdigit() and len(owner) == 12):
                raise SettingsError(f"bucket_owners: {owner[:64]!r} is no account: twelve digits")
        self._owners = tuple(owners)
        self._payer = {"RequestPayer": "requester"} if request_payer else {}
        self._known: Once[str] = Once(_MOST_BUCKETS)

    def check(self, log: LogObject, client: "S3Client") -> None:
        """Return when the log's bucket has an expected owner; raises ``NotAllowed`` when another account has it.

        S3 answers 403 for another owner and for a missing permission alike. So HeadBucket is asked for each owner (it
        needs s3:ListBucket), then HeadObject of this log (it needs s3:GetObject), and at last HeadBucket without an
        owner, which tells the two apart. ``ConfigurationError`` when it does not; else what botocore raises.
        """
        if self._owners and self._known.get(log.bucket, lambda: self._ask(log, client)) == _REFUSED:
            raise NotAllowed(
                f"s3://{log.bucket} belongs to none of the accounts in bucket_owners ({self._names}): {log.uri} was "
                "not read and its message is kept; if the bucket is yours, add its account, else find out who may "
                "send to the queue"
            )

    @property
    def _names(self) -> str:
        return ", ".join(self._owners)

    def forget(self) -> None:
        """Ask again for every bucket."""
        self._known.clear()

    def _ask(self, log: LogObject, client: "S3Client") -> str:
        if any(_answers(client.head_bucket, Bucket=log.bucket, ExpectedBucketOwner=owner) for owner in self._owners):
            return _GOOD
        head: dict[str, Any] = {"Bucket": log.bucket, "Key": log.key} | self._payer
        if any(_answers(client.head_object, **head, ExpectedBucketOwner=owner) for owner in self._owners):
            return _GOOD
        if _answers(client.head_bucket, Bucket=log.bucket):
            return _REFUSED
        raise ConfigurationError(
            f"cannot tell who owns s3://{log.bucket}: access is denied, so it belongs to none of the accounts in "
            f"bucket_owners ({self._names}), or s3:ListBucket and s3:GetObject are not allowed on it; {log.uri} was "
            "not read and its message is kept"
        )


def _answers(ask: Callable[..., Any], **question: Any) -> bool:
    """True when S3 answers, False when it denies access; everything else is raised."""
    from botocore.exceptions import ClientError

    try:
        ask(**question)
    except ClientError as error:
        if code_of(error) in _DENIED:
            return False
        raise
    return True
