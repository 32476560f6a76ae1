"""The certificates with which SNS signs: fetched from AWS by HTTPS, from nowhere else, and remembered."""

from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.once import Once
from cloudtrail_processing.errors import NotAllowed, TransientError
from cloudtrail_processing.sns import check_certificate_url

_MOST_CERTIFICATES = 16
_LARGEST = 64 * 2**10
_TRANSIENT = (408, 425, 429)


class SigningCertificates:
    """Fetches the certificate at a URL, for ``SnsVerifier``; each one once, by one thread for all.

    No redirect is followed, nothing over 64 KiB is read, and nothing but SNS's own hosts is asked: AWS's certificate
    for the host is verified. Proxies are taken from the environment, as boto3 takes them. ``timeout`` is in seconds,
    for connecting and for each read. ``session`` replaces the HTTP client, as one with another certificate authority.
    """

    def __init__(self, *, timeout: int = 5, session: URLLib3Session | None = None) -> None:
        self._timeout = timeout
        self._session = session
        self._known: Once[bytes] = Once(_MOST_CERTIFICATES)

    def __call__(self, url: str) -> bytes:
        """The certificate at ``url``, in PEM.

        Raises ``NotAllowed`` for a URL that is not SNS's and for what does not lie there, ``TransientError`` or
        ``ConfigurationError`` when AWS cannot be asked; then the next call asks again.
        """
        check_certificate_url(url)
        return self._known.get(url, lambda: self._fetch(url))

    def _fetch(self, url: str) -> bytes:
        with mapped(f"fetching the certificate {url}"):
            request = AWSRequest(method="GET", url=url, stream_output=True).prepare()
            session = self._session or URLLib3Session(proxies=get_environ_proxies(url), timeout=self._timeout)
            try:
                return _content(session.send(request), url)
            finally:
                session.close()


def _content(response: AWSResponse, url: str) -> bytes:
    status = response.status_code
    if status >= 500 or status in _TRANSIENT:
        raise TransientError(f"fetching the certificate {url} failed with status {status}; it is tried again later")
    if status != 200:
        raise NotAllowed(f"there is no certificate at its SigningCertURL (status {status})")
    length: Any = response.headers.get("Content-Length")
    body = StreamingBody(response.raw, length)
    content = bytearray()
    while len(content) <= _LARGEST and (piece := body.read(_LARGEST)):
        content += piece  # until nothing comes: only then a body that ends early is noticed
    if len(content) > _LARGEST:
        raise NotAllowed(f"what lies at its SigningCertURL is larger than a certificate ({_LARGEST} bytes at most)")
    return bytes(content)
