"""Signs digests as CloudTrail does, with keys of its own."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloudtrail_processing.flow import PublicKey
from cloudtrail_processing.testing.generator.logs import pack, unpack


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, with the public half as ``ListPublicKeys`` tells it: PKCS#1 in DER."""

    private: RSAPrivateKey = field(repr=False)
    der: bytes = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SignedDigest:
    """A digest ready to be stored: its gzipped body, the hex SHA-256 of its JSON, and its signature in hex."""

    body: bytes = field(repr=False)
    sha256: str
    signature: str


# To find a key of 2,048 bits takes a tenth of a second: each is made once in a process.
@functools.cache
def signer(region: str, number: int) -> Signer:
    """The key that a region signs with after ``number`` rotations; another one in every process."""
    private = generate_private_key(public_exponent=65537, key_size=2048)
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return Signer(private, der, PublicKey(der).fingerprint)


def sign(document: Mapping[str, object], by: Signer) -> SignedDigest:
    """The digest that says ``document``, signed ``by`` a key, whether or not the document names that key."""
    body = pack(document)
    sha256 = hashlib.sha256(unpack(body)).hexdigest()
    # Not integrity.signed_text: what makes signatures and what judges them must not share a mistake.
    place = f"{document['digestS3Bucket']}/{document['digestS3Object']}"
    previous = document["previousDigestSignature"]
    text = f"{document['digestEndTime']}\n{place}\n{sha256}\n{'null' if previous is None else previous}"
    return SignedDigest(body, sha256, by.private.sign(text.encode(), PKCS1v15(), SHA256()).hex())
