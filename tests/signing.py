"""Keys, certificates and envelopes that are signed as SNS signs them."""

import base64
import datetime
import functools
import json
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloudtrail_processing.flow import QueueMessage

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
HOST = "sns.eu-west-1.amazonaws.com"
URL = f"https://{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:trail"
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "Amazon S3 Notification",
    "Message": json.dumps({"s3Bucket": "trail", "s3ObjectKey": ["AWSLogs/x.json.gz"]}),
    "Timestamp": "2026-01-01T00:00:00.000Z",
    "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe to the topic.\nTo confirm the subscription, visit the SubscribeURL.",
    "SubscribeURL": f"https://{HOST}/?Action=ConfirmSubscription",
    "Timestamp": "2026-01-01T00:00:00.000Z",
}
_DAYS = datetime.timedelta(days=30)


@functools.cache
def key(number: int = 0, *, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A private key; another one for each number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate(signer: rsa.RSAPrivateKey, *, start: datetime.datetime = NOW - _DAYS, name: str = HOST) -> bytes:
    """A self-signed certificate in PEM, valid for 60 days."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, signer.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + 2 * _DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(
    members: Mapping[str, object], *, signer: rsa.RSAPrivateKey | None = None, version: str = "1", url: str = URL
) -> dict[str, object]:
    """The envelope with its signature, over the members in the order of their names as AWS documents it."""
    unsigned = {"Type", "Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"}
    text = "".join(f"{name}\n{members[name]}\n" for name in sorted(unsigned & members.keys()))
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    made = (signer or key()).sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {
        **members,
        "SignatureVersion": version,
        "Signature": base64.b64encode(made).decode(),
        "SigningCertURL": url,
    }


def message(body: object) -> QueueMessage:
    """A queue message with this body: a text, or what becomes JSON."""
    return QueueMessage("m-1", body if isinstance(body, str) else json.dumps(body), "receipt")
