"""Was a message really sent by SNS, and by a topic that may send it? Pure: whoever calls brings the certificate.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloudtrail_processing.errors import NotAllowed
from cloudtrail_processing.filters.matching import TextTest
from cloudtrail_processing.flow import QueueMessage

# The region is spelled out: a bucket named "sns" has the host sns.s3-us-west-2.amazonaws.com. No query, port, user
# information or escape is possible in what matches.
_CERTIFICATE_URL = re.compile(
    r"https://sns\.[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com(\.cn)?/[A-Za-z0-9_-]{1,128}\.pem", re.ASCII
)
_HASHES: Mapping[object, Callable[[], hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[object, Sequence[str]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_OPTIONAL = "Subject"
_SMALLEST_KEY = 2048


def canonical(envelope: Mapping[str, Any]) -> bytes:
    """The text that SNS signs: each signed member's name and value on a line of its own, a missing Subject left out.

    Raises ``NotAllowed`` when the envelope is of no signed type, or a signed member is missing, no text, or has a line
    break where SNS has none: then one signed text could be cut into members in two ways.
    """
    names = _SIGNED.get(kind) if isinstance(kind := envelope.get("Type"), str) else None
    if names is None:
        raise NotAllowed("it is no envelope of SNS")
    present = [name for name in names if name != _OPTIONAL or envelope.get(name) is not None]
    if missing := [name for name in present if not isinstance(envelope.get(name), str)]:
        raise NotAllowed(f"its member {missing[0]}, which SNS signs, is missing or no text")
    if broken := [name for name in present if name != "Message" and "\n" in envelope[name]]:
        raise NotAllowed(f"its member {broken[0]} has a line break")
    return "".join(f"{name}\n{envelope[name]}\n" for name in present).encode("utf-8", "surrogatepass")


def check_certificate_url(url: object) -> str:
    """``url`` when it names a certificate on a host of SNS, by HTTPS and nothing around it; else ``NotAllowed``."""
    if not isinstance(url, str) or not _CERTIFICATE_URL.fullmatch(url):
        raise NotAllowed("its SigningCertURL is no certificate on a host of SNS (https://sns.<region>.amazonaws.com/)")
    return url


def check_signature(envelope: Mapping[str, Any], pem: bytes, *, now: datetime) -> None:
    """Return when the certificate's key made the envelope's signature; raises ``NotAllowed``.

    The certificate must be valid ``now`` and hold an RSA key of 2048 bits or more. Its chain is not followed: it came
    by HTTPS from a host of AWS, whose own certificate was verified then, and SNS publishes the leaf alone.
    """
    key = _public_key(pem, now=now)
    version, signature = envelope.get("SignatureVersion"), envelope.get("Signature")
    algorithm = _HASHES.get(version) if isinstance(version, str) else None
    if algorithm is None:
        raise NotAllowed("its SignatureVersion is neither 1 nor 2")
    try:
        made = base64.b64decode(signature if isinstance(signature, str) else "", validate=True)
        key.verify(made, canonical(envelope), padding.PKCS1v15(), algorithm())
    except (ValueError, InvalidSignature):
        raise NotAllowed("its signature is not SNS's: it was forged, or changed on its way") from None


class SnsVerifier:
    """Lets only messages pass that SNS signed; a ``notification.Parser`` to be put in front of all others.

    Called with a message it returns None when the signature is good, so that the next parser reads the message. It
    raises ``NotAllowed`` for every other message, those without an envelope included (raw message delivery has none),
    and what ``fetch_certificate`` raises, which is asked with an URL that ``check_certificate_url`` has passed.

    ``topics`` are the ARNs that may send, ``*`` standing for any text. Without them any topic of any AWS customer may:
    a good signature tells which topic sent a message, not that the topic is yours. A copy of an old message has a good
    signature, too: what was delivered before is for the checkpoint to know.
    """

    def __init__(
        self,
        fetch_certificate: Callable[[str], bytes],
        *,
        topics: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fetch = fetch_certificate
        self._topics = TextTest("allowed_topics", topics) if topics else None
        self._now = now

    def __call__(self, message: QueueMessage) -> None:
        """None for a message that SNS signed; else ``NotAllowed`` or what fetching the certificate raised."""
        try:
            self._check(_envelope(message.body))
        except NotAllowed as error:
            raise NotAllowed(
                f"message {message.message_id}: {error}; verify_sns is set, so nothing it names was read and it is kept"
            ) from None

    def _check(self, envelope: Mapping[str, Any]) -> None:
        canonical(envelope)
        topic = envelope["TopicArn"]
        if self._topics is not None and not self._topics(topic):
            raise NotAllowed(f"its topic {topic[:256]!r} is not in allowed_topics")
        url = check_certificate_url(envelope.get("SigningCertURL"))
        check_signature(envelope, self._fetch(url), now=self._now())


def _envelope(body: str) -> Mapping[str, Any]:
    """The members of the message, read as ``notification`` reads them: of two with one name, the last."""
    try:
        envelope = orjson.loads(body.encode())
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict):
        raise NotAllowed("it is no envelope of SNS")
    return envelope


def _public_key(pem: bytes, *, now: datetime) -> rsa.RSAPublicKey:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise NotAllowed("what lies at its SigningCertURL is no certificate") from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotAllowed("its certificate is not valid now (it ran out, or this machine's clock is wrong)")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _SMALLEST_KEY:
        raise NotAllowed(f"its certificate holds no RSA key of {_SMALLEST_KEY} bits or more")
    return key
