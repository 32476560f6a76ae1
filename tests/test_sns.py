import base64
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from signing import CONFIRMATION, NOTIFICATION, NOW, TOPIC, URL, certificate, key, message, signed

from cloudtrail_processing.errors import NotAllowed, NotificationError, TransientError
from cloudtrail_processing.flow import Notification, QueueMessage
from cloudtrail_processing.notification import in_front
from cloudtrail_processing.sns import SnsVerifier, canonical, check_certificate_url

each_version = pytest.mark.parametrize("version", ["1", "2"])


class Certificates:
    """Certificates by URL; notes what was asked for."""

    def __init__(self, certificates: Mapping[str, bytes]) -> None:
        self._certificates = certificates
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self._certificates[url]


def verifier(pem: bytes | None = None, *, topics: Sequence[str] = (), now: datetime.datetime = NOW) -> SnsVerifier:
    return SnsVerifier(Certificates({URL: pem or certificate(key())}), topics=topics, now=lambda: now)


def passes(verify: SnsVerifier, body: QueueMessage) -> bool:
    """True when nothing was raised."""
    verify(body)
    return True


def refused(body: object, verify: SnsVerifier | None = None) -> str:
    with pytest.raises(NotAllowed) as caught:
        (verify or verifier())(message(body))
    return str(caught.value)


@each_version
def test_a_message_that_sns_signed_passes_on_to_the_next_parser(version: str) -> None:
    parse = in_front(verifier())
    found = parse(message(signed(NOTIFICATION, version=version)))
    assert isinstance(found, Notification)
    assert [log.uri for log in found.logs] == ["s3://trail/AWSLogs/x.json.gz"]


@each_version
@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_signed_confirmation_passes_and_is_kept_by_the_parser_as_ever(version: str, kind: str) -> None:
    body = message(signed(CONFIRMATION | {"Type": kind}, version=version))
    assert passes(verifier(), body)
    with pytest.raises(NotificationError, match="nothing was visited"):
        in_front(verifier())(body)


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "CloudTrail validation message."},
        {"Message": 'schöne Grüße, 你好 \U0001f600 \u2028 \x00 \\ "'},
        {"Message": ""},
        {"Message": "several\nlines\nMessageId\nof text"},
        {"Subject": "ünïcode"},
        {"MessageAttributes": {"a": {"Type": "String", "Value": "not signed, and not needed"}}},
    ],
)
def test_what_topics_may_send_passes(change: dict[str, object]) -> None:
    assert passes(verifier(), message(signed(NOTIFICATION | change)))


def test_a_message_without_a_subject_passes_and_so_does_a_null_one() -> None:
    without = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    assert passes(verifier(), message(signed(without)))
    assert passes(verifier(), message({**signed(without), "Subject": None}))


def test_the_text_that_is_signed_is_the_one_that_aws_documents() -> None:
    assert (
        canonical(NOTIFICATION)
        == (
            f"Message\n{NOTIFICATION['Message']}\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
            "Subject\nAmazon S3 Notification\nTimestamp\n2026-01-01T00:00:00.000Z\n"
            f"TopicArn\n{TOPIC}\nType\nNotification\n"
        ).encode()
    )
    assert canonical(CONFIRMATION).startswith(b"Message\nYou have chosen")
    assert b"\nSubscribeURL\nhttps://" in canonical(CONFIRMATION)
    assert b"\nToken\n2336412f37\nTopicArn\n" in canonical(CONFIRMATION)


# ── forged ──


@each_version
@pytest.mark.parametrize("member", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn"])
def test_a_change_in_any_signed_member_of_a_notification_is_found(member: str, version: str) -> None:
    forged = signed(NOTIFICATION, version=version)
    forged[member] = f"{forged[member]}x"
    assert "its signature is not SNS's" in refused(forged)


@pytest.mark.parametrize("member", ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn"])
def test_a_change_in_any_signed_member_of_a_confirmation_is_found(member: str) -> None:
    forged = signed(CONFIRMATION)
    forged[member] = f"{forged[member]}x"
    assert "its signature is not SNS's" in refused(forged)


@pytest.mark.parametrize("member", ["Message", "MessageId", "Timestamp", "TopicArn", "Type"])
@pytest.mark.parametrize("value", [None, 7, ["x"], {"s3Bucket": "b"}], ids=["missing", "number", "list", "object"])
def test_a_signed_member_that_is_missing_or_no_text_is_refused(member: str, value: object) -> None:
    assert "is missing or no text" in (text := refused({**signed(NOTIFICATION), member: value})) or "envelope" in text


def test_a_subject_cannot_be_taken_away_or_added() -> None:
    assert "signature" in refused({**signed(NOTIFICATION), "Subject": None})
    without = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    assert "signature" in refused({**signed(without), "Subject": "added"})


def test_one_signed_text_cannot_be_cut_into_other_members() -> None:
    """All that SNS signs is one text of lines, so that members with line breaks could trade places."""
    original = signed(NOTIFICATION | {"Message": '{"a":1}\nMessageId\nx'})
    cut: dict[str, Any] = {**original, "Message": '{"a":1}', "MessageId": f"x\nMessageId\n{original['MessageId']}"}
    assert "its member MessageId has a line break" in refused(cut)
    without = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    moved = {**signed(without), "Subject": None, "TopicArn": f"{TOPIC}\nType\nNotification"}
    assert "its member TopicArn has a line break" in refused(moved)


def test_a_type_cannot_be_changed_for_another() -> None:
    assert "signature" in refused({**signed(CONFIRMATION), "Type": "UnsubscribeConfirmation"})
    assert "missing" in refused({**signed(NOTIFICATION), "Type": "SubscriptionConfirmation"})


@pytest.mark.parametrize(
    "signature", [None, "", "AAAA", "no base64!", 7, "A" * 344, "QUJD\n", signed(CONFIRMATION)["Signature"]]
)
def test_a_signature_that_is_none_or_another_messages_is_refused(signature: object) -> None:
    assert "its signature is not SNS's" in refused({**signed(NOTIFICATION), "Signature": signature})


@pytest.mark.parametrize("version", [None, "", "0", "3", 1, 2, ["1"], {}])
def test_another_signature_version_is_refused(version: object) -> None:
    assert "SignatureVersion is neither 1 nor 2" in refused({**signed(NOTIFICATION), "SignatureVersion": version})


def test_the_signature_of_one_version_is_none_of_the_other() -> None:
    assert "signature" in refused({**signed(NOTIFICATION, version="1"), "SignatureVersion": "2"})
    assert "signature" in refused({**signed(NOTIFICATION, version="2"), "SignatureVersion": "1"})


def test_of_two_members_with_one_name_the_last_counts_here_and_in_the_parser() -> None:
    good = json.dumps(signed(NOTIFICATION))
    forged = json.dumps({"s3Bucket": "evil", "s3ObjectKey": ["AWSLogs/y.json.gz"]})
    assert "signature" in refused(f'{good[:-1]},"Message":{json.dumps(forged)}}}')
    behind = f'{{"Message":{json.dumps(forged)},{good[1:]}'
    found = in_front(verifier())(message(behind))
    assert isinstance(found, Notification)
    assert "evil" not in repr(found)


# ── no envelope ──


@pytest.mark.parametrize(
    "body",
    [
        "",
        "CloudTrail validation message.",
        "null",
        "[]",
        "7",
        "{}",
        "{",
        "\ud800",
        "[" * 10**6,
        '{"a":' * 10**6,
        {"s3Bucket": "b", "s3ObjectKey": ["k"]},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Type": "Notification"},
        {"Type": ["Notification"], "Message": "x"},
        {"Type": "notification", "Message": "x"},
    ],
)
def test_a_message_without_an_envelope_is_refused(body: object) -> None:
    text = refused(body)
    assert "m-1" in text
    assert "verify_sns is set, so nothing it names was read and it is kept" in text


# ── certificates ──


def test_another_key_under_the_same_url_is_refused() -> None:
    assert "signature" in refused(signed(NOTIFICATION), verifier(certificate(key(1))))
    assert "signature" in refused(signed(NOTIFICATION, signer=key(1)))


@pytest.mark.parametrize("days", [-31, 31])
def test_a_certificate_before_or_after_its_time_is_refused(days: int) -> None:
    late = verifier(now=NOW + datetime.timedelta(days=days))
    assert "not valid now" in refused(signed(NOTIFICATION), late)


def test_a_certificate_is_valid_from_its_first_moment_to_its_last() -> None:
    for days in (-30, 30):
        assert passes(verifier(now=NOW + datetime.timedelta(days=days)), message(signed(NOTIFICATION)))


def test_a_good_signature_with_anything_between_its_letters_is_refused() -> None:
    good = str(signed(NOTIFICATION)["Signature"])
    for odd in (good[:8] + "\n" + good[8:], good[:8] + "!" + good[8:], good + " "):
        assert "its signature is not SNS's" in refused({**signed(NOTIFICATION), "Signature": odd})


@pytest.mark.parametrize(
    ("body", "pem", "why"),
    [
        (
            {**signed(NOTIFICATION), "Signature": 7},
            None,
            "its signature is not SNS's: it was forged, or changed on its way",
        ),
        ({**signed(NOTIFICATION), "SignatureVersion": 1}, None, "its SignatureVersion is neither 1 nor 2"),
        (signed(NOTIFICATION), b"x", "what lies at its SigningCertURL is no certificate"),
        (
            signed(NOTIFICATION),
            certificate(key(), start=NOW + datetime.timedelta(seconds=1)),
            "its certificate is not valid now (it ran out, or this machine's clock is wrong)",
        ),
    ],
    ids=["signature", "version", "certificate", "time"],
)
def test_a_refusal_says_which_message_why_and_what_became_of_it(body: object, pem: bytes | None, why: str) -> None:
    assert refused(body, verifier(pem)) == (
        f"message m-1: {why}; verify_sns is set, so nothing it names was read and it is kept"
    )


@pytest.mark.parametrize("pem", [b"x", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    assert "no certificate" in refused(signed(NOTIFICATION), verifier(pem))


def test_a_certificate_of_no_known_version_is_refused_with_our_own_error() -> None:
    """Found by fuzzing: the library has an error of its own for it, which is no ``ValueError``."""
    lines = certificate(key()).splitlines()
    der = bytearray(base64.b64decode(b"".join(lines[1:-1])))
    der[der.index(b"\xa0\x03\x02\x01\x02") + 4] = 7  # the version stands first: 2 means v3
    pem = b"\n".join([lines[0], base64.encodebytes(bytes(der)).strip(), lines[-1], b""])
    assert "is no certificate" in refused(signed(NOTIFICATION), verifier(pem))


def test_a_weak_key_is_refused() -> None:
    weak = key(2, bits=1024)
    assert "2048 bits" in refused(signed(NOTIFICATION, signer=weak), verifier(certificate(weak)))


def test_a_certificate_that_cannot_be_fetched_keeps_the_message_for_another_try() -> None:
    def fails(url: str) -> bytes:
        raise TransientError(f"fetching the certificate {url} failed")

    with pytest.raises(TransientError):
        SnsVerifier(fails, now=lambda: NOW)(message(signed(NOTIFICATION)))


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123.pem",
        "https://sns.ap-southeast-5.amazonaws.com/SimpleNotificationService-0123.pem",
    ],
)
def test_certificates_of_sns_are_fetched(url: str) -> None:
    assert check_certificate_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        URL.replace("https", "http"),
        URL.replace("https", "HTTPS"),
        URL.replace("https", "file"),
        URL.replace("https:", ""),
        URL.replace(".com/", ".com.evil.org/"),
        URL.replace(".com/", ".com@evil.org/"),
        URL.replace(".com/", ".com:443/"),
        URL.replace(".com/", ".com:8443/"),
        URL.replace(".com/", ".com./"),
        URL.replace(".com/", ".com\\@evil.org/"),
        URL.replace(".com/", ".com#@evil.org/"),
        URL.replace(".com/", ".com?@evil.org/"),
        URL.replace(".com/", ".com%2eevil.org/"),
        URL.replace(".com/", ".com%00.evil.org/"),
        URL.replace(".com/", ".com.evil/"),
        URL.replace("sns.", "xsns."),
        URL.replace("sns.", "evil.org/sns."),
        URL.replace("//sns.", "//a:b@sns."),
        URL.replace("//sns.", "//sns.evil."),
        URL.replace("sns.eu-west-1", "sns"),
        URL.replace("sns.eu-west-1", "sns.s3-us-west-2"),
        URL.replace("sns.eu-west-1", "sns.s3.eu-west-1"),
        URL.replace("sns.eu-west-1", "sqs.eu-west-1"),
        URL.replace("amazonaws", "amaz0naws"),
        URL.replace("amazonaws", "xn--amazonws-b1a"),
        URL.replace("amazonaws", "\u0430mazonaws"),
        URL.replace("sns.", "s\u017fns."),
        URL.replace("eu-west-1", "eu-west-\uff11"),
        URL.replace("eu-west-1", "EU-WEST-1"),
        URL.replace("/Simple", "//Simple"),
        URL.replace("/Simple", "/a/../Simple"),
        URL.replace("/Simple", "/%2e%2e/Simple"),
        URL.replace(".pem", ".PEM"),
        URL.replace(".pem", ".pem.txt"),
        URL.replace(".pem", ".pem?x=.pem"),
        URL.replace(".pem", ".pem#"),
        URL.replace(".pem", ".pem/"),
        URL + "\n",
        " " + URL,
        URL.replace("0123", "01\r\n23"),
        URL.replace("0123", "0" * 200),
        "https://sns.eu-west-1.amazonaws.com/?Action=GetTopic&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/.pem",
    ],
    ids=repr,
)
def test_nothing_is_fetched_from_anywhere_else(url: object) -> None:
    certificates = Certificates({})
    text = refused({**signed(NOTIFICATION), "SigningCertURL": url}, SnsVerifier(certificates, now=lambda: NOW))
    assert "SigningCertURL is no certificate on a host of SNS" in text
    assert "evil" not in text, "the URL is not shown: it may carry anything"
    assert certificates.asked == []


# ── topics ──


@pytest.mark.parametrize("topic", [TOPIC, "arn:aws:sns:*:111122223333:*", "*"])
def test_an_allowed_topic_passes(topic: str) -> None:
    assert passes(verifier(topics=["arn:other", topic]), message(signed(NOTIFICATION)))


@pytest.mark.parametrize("topic", ["arn:aws:sns:eu-west-1:444455556666:trail", f"{TOPIC}2", TOPIC.upper(), TOPIC[:-1]])
def test_another_topic_is_refused_although_sns_signed_it_and_before_a_certificate_is_fetched(topic: str) -> None:
    certificates = Certificates({})
    verify = SnsVerifier(certificates, topics=[topic], now=lambda: NOW)
    assert f"its topic '{TOPIC}' is not in allowed_topics" in refused(signed(NOTIFICATION), verify)
    assert certificates.asked == []


def test_a_refusal_never_shows_the_message() -> None:
    for forged in (
        signed(NOTIFICATION | {"Message": "s3cret"}, signer=key(1)),
        {"Message": "s3cret", "Type": "s3cret"},
    ):
        assert "s3cret" not in refused(forged)
