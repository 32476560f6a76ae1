"""``SigningCertificates`` by real HTTPS, through a proxy of ours that plays SNS's host behind it."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session
from cryptography.hazmat.primitives import serialization
from signing import HOST, NOTIFICATION, NOW, URL, certificate, key, message, signed

from cloudtrail_processing.aws.certificates import SigningCertificates
from cloudtrail_processing.errors import CloudTrailProcessingError, NotAllowed, TransientError
from cloudtrail_processing.sns import SnsVerifier

PEM = certificate(key())
ELSEWHERE = "https://evil.example.org/x.pem"


class Tunnel(socketserver.StreamRequestHandler):
    """Takes CONNECT for any host, and answers behind it with a certificate for SNS's host."""

    server: "Sns"

    def handle(self) -> None:
        connect = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            """The rest of the request's head says nothing of interest."""
        self.server.connects.append(connect.split()[1])
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            with self.server.context.wrap_socket(self.connection, server_side=True) as behind:
                self._answer(behind)
        except OSError as error:  # the client did not like our certificate
            self.server.refusals.append(error)

    def _answer(self, behind: ssl.SSLSocket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (more := behind.recv(4096)):
            head += more
        self.server.paths.append(head.split()[1].decode())
        behind.sendall(self.server.answer)


class Sns(socketserver.ThreadingTCPServer):
    """What lies behind the proxy, and what it was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.context = context
        self.connects: list[str] = []
        self.paths: list[str] = []
        self.refusals: list[OSError] = []
        self.answer = answer(PEM)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def answer(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n".encode() + body


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The certificate of SNS's host, which is its own authority here, with its key beside it."""
    file = tmp_path / "authority.pem"
    file.write_bytes(certificate(key(), start=datetime.now(UTC) - timedelta(days=1)))
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.with_suffix(".key").write_bytes(key().private_bytes(*kinds))
    return file


@pytest.fixture
def sns(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sns]:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_suffix(".key"))
    with Sns(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def certificates(sns: Sns, authority: Path) -> SigningCertificates:
    file: Any = str(authority)  # its stub knows True and False only
    session = URLLib3Session(verify=file, proxies={"https": sns.url}, timeout=5)
    return SigningCertificates(session=session)


def test_a_certificate_is_fetched_once_by_all_threads_together(certificates: SigningCertificates, sns: Sns) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(certificates, [URL] * 8)) == {PEM}
    assert sns.connects == [f"{HOST}:443"]
    assert sns.paths == [URL.removeprefix(f"https://{HOST}")]


def test_it_serves_a_verifier(certificates: SigningCertificates, sns: Sns) -> None:
    SnsVerifier(certificates, now=lambda: NOW)(message(signed(NOTIFICATION, version="2")))
    assert sns.connects == [f"{HOST}:443"]


def test_a_redirect_is_not_followed(certificates: SigningCertificates, sns: Sns) -> None:
    sns.answer = answer(b"", status="302 Found", more=f"Location: {ELSEWHERE}\r\n")
    with pytest.raises(NotAllowed, match="status 302"):
        certificates(URL)
    assert sns.connects == [f"{HOST}:443"]


@pytest.mark.parametrize("url", [ELSEWHERE, URL.replace("https", "http"), URL.replace(".com/", ".com.evil.org/")])
def test_nothing_but_a_host_of_sns_is_ever_asked(certificates: SigningCertificates, sns: Sns, url: str) -> None:
    with pytest.raises(NotAllowed):
        certificates(url)
    assert sns.connects == []


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "204 No Content", "301 Moved"])
def test_where_no_certificate_lies_the_message_is_refused(
    certificates: SigningCertificates, sns: Sns, status: str
) -> None:
    sns.answer = answer(b"", status=status)
    with pytest.raises(NotAllowed, match=status.split()[0]):
        certificates(URL)


@pytest.mark.parametrize("status", ["500 Error", "503 Slow Down", "429 Too Many Requests"])
def test_a_failure_of_aws_is_transient_and_not_remembered(
    certificates: SigningCertificates, sns: Sns, status: str
) -> None:
    sns.answer = answer(b"", status=status)
    with pytest.raises(TransientError, match="tried again later"):
        certificates(URL)
    sns.answer = answer(PEM)
    assert certificates(URL) == PEM


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort", b"nonsense\r\n\r\n"])
def test_a_broken_answer_is_one_of_our_errors_and_not_remembered(
    certificates: SigningCertificates, sns: Sns, raw: bytes
) -> None:
    sns.answer = raw
    with pytest.raises(TransientError):
        certificates(URL)
    sns.answer = answer(PEM)
    assert certificates(URL) == PEM


def test_a_body_larger_than_a_certificate_is_not_read_to_its_end(certificates: SigningCertificates, sns: Sns) -> None:
    sns.answer = answer(b"x" * (64 * 2**10 + 1))
    with pytest.raises(NotAllowed, match="larger than a certificate"):
        certificates(URL)


def test_a_host_that_cannot_prove_to_be_aws_is_not_believed(sns: Sns) -> None:
    """Without our authority this host's certificate is nobody's: as with a stranger in the middle."""
    stranger = SigningCertificates(session=URLLib3Session(proxies={"https": sns.url}, timeout=5))
    with pytest.raises(CloudTrailProcessingError, match="SSL") as caught:
        stranger(URL)
    assert not isinstance(caught.value, NotAllowed), "the message may be good: it is tried again"
    assert sns.paths == []


def test_the_proxy_of_the_environment_is_used(sns: Sns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", sns.url)
    monkeypatch.setenv("https_proxy", sns.url)
    with pytest.raises(CloudTrailProcessingError):
        SigningCertificates()(URL)
    assert sns.connects[0] == f"{HOST}:443"
