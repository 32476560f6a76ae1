"""How SQS is asked and answers: in its JSON protocol, or in forms and XML, put into the words of the former."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import orjson

from benchmarks.aws.http import Answer, Connection, Request, answer
from benchmarks.aws.sqs import OPERATIONS, Asked, Refused, Respond, Sqs, Told

_TARGET = b"x-amz-target"
_SERVICE = b"AmazonSQS."
_REQUEST = "00000000-0000-4000-a000-000000000000"
_JSON = ("Content-Type: application/x-amz-json-1.0", f"x-amzn-RequestId: {_REQUEST}")
_XML = ("Content-Type: text/xml", f"x-amzn-RequestId: {_REQUEST}")
_NAMESPACE = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"'
_METADATA = f"<ResponseMetadata><RequestId>{_REQUEST}</RequestId></ResponseMetadata>"
_NAMES = {
    "AttributeName": "AttributeNames",
    "MessageAttribute": "MessageAttributes",
    "MessageAttributeName": "MessageAttributeNames",
    "MessageSystemAttributeName": "MessageSystemAttributeNames",
}
"""What is numbered in forms, and its name in JSON."""
_MAPS = {"Attributes": ("Attribute", "Name", "Value"), "MessageAttributes": ("MessageAttribute", "Name", "Value")}
_TAGS = {"Messages": "Message", "Failed": "BatchResultErrorEntry"}


class SqsWire:
    """Reads requests, has them done, and sends what came of it after ``delay`` seconds."""

    def __init__(self, sqs: Sqs, delay: Callable[[], float]) -> None:
        self._sqs = sqs
        self._delay = delay

    def serve(self, request: Request, connection: Connection) -> None:
        """Answer one request, now or later, in the protocol that it speaks."""
        if request.headers.get(_TARGET, b"").startswith(_SERVICE):
            self._serve_json(request, connection)
        else:
            self._serve_form(request, connection)

    def _serve_json(self, request: Request, connection: Connection) -> None:
        operation = request.headers[_TARGET].removeprefix(_SERVICE).decode()

        def respond(told: Told) -> None:
            connection.send(self._delayed(answer(200, orjson.dumps(told), *_JSON)))

        try:
            asked = orjson.loads(request.body or b"{}")
            self._perform(operation, asked, request=request, respond=respond, connection=connection)
        except Refused as error:
            told = orjson.dumps({"__type": f"com.amazonaws.sqs#{error.code}", "message": str(error)})
            connection.send(self._delayed(answer(400, told, *_JSON, f"x-amzn-query-error: {error.old};Sender")))

    def _serve_form(self, request: Request, connection: Connection) -> None:
        operation = ""

        def respond(told: Told) -> None:
            result = f"<{operation}Result>{''.join(_elements(told, operation))}</{operation}Result>"
            text = f"<{operation}Response {_NAMESPACE}>{result}{_METADATA}</{operation}Response>"
            connection.send(self._delayed(_xml(200, text)))

        try:
            operation, asked = read_form(request)
            self._perform(operation, asked, request=request, respond=respond, connection=connection)
        except Refused as error:
            told = f"<Type>Sender</Type><Code>{error.old}</Code><Message>{escape(str(error))}</Message>"
            text = f"<ErrorResponse {_NAMESPACE}><Error>{told}</Error><RequestId>{_REQUEST}</RequestId></ErrorResponse>"
            connection.send(self._delayed(_xml(400, text)))

    def _perform(
        self, operation: str, asked: Asked, *, request: Request, respond: Respond, connection: Connection
    ) -> None:
        if operation not in OPERATIONS:
            raise Refused("InvalidAction", f"The action {operation} is not simulated.")
        if operation == "GetQueueUrl":
            asked = {**asked, "Host": request.headers.get(b"host", b"").decode()}
        try:
            self._sqs.perform(operation, asked, respond=respond, connection=connection)
        except KeyError as error:
            raise Refused("MissingParameter", f"The request must contain the parameter {error}.") from error

    def _delayed(self, reply: Answer) -> Answer:
        return reply._replace(delay=self._delay())


def read_form(request: Request) -> tuple[str, dict[str, Any]]:
    """The operation, and what is asked: ``DeleteMessageBatchRequestEntry.1.Id`` becomes ``Entries[0]["Id"]``."""
    path, _, query = request.target.decode().partition("?")
    asked: dict[str, Any] = {"QueueUrl": unquote(path)}
    for name, value in parse_qsl(request.body.decode() or query, keep_blank_values=True):
        _put(asked, name.split("."), value)
    plain = {name: _plain(value) for name, value in asked.items()}
    return str(plain.pop("Action", "")), plain


def _put(tree: dict[str, Any], parts: list[str], value: str) -> None:
    first, *rest = parts
    name = "Entries" if first.endswith("RequestEntry") else _NAMES.get(first, first)
    if rest:
        _put(tree.setdefault(name, {}), rest, value)
    else:
        tree[name] = value


def _plain(value: Any) -> Any:
    """Numbered parts as a list, those with names and values as a mapping."""
    if not isinstance(value, dict):
        return value
    inside = {name: _plain(it) for name, it in value.items()}
    if not all(name.isdigit() for name in inside):
        return inside
    items = [inside[name] for name in sorted(inside, key=int)]
    if items and all(isinstance(it, dict) and it.keys() == {"Name", "Value"} for it in items):
        return {it["Name"]: it["Value"] for it in items}
    return items


def _elements(told: Mapping[str, Any], operation: str) -> Iterator[str]:
    for name, value in told.items():
        if name in _MAPS:
            tag, key, content = _MAPS[name]
            for one, it in value.items():
                yield f"<{tag}><{key}>{escape(one)}</{key}><{content}>{_content(it, operation)}</{content}></{tag}>"
        elif isinstance(value, list):
            tag = _TAGS.get(name) or f"{operation}ResultEntry"
            yield from (f"<{tag}>{''.join(_elements(it, operation))}</{tag}>" for it in value)
        else:
            yield f"<{name}>{_content(value, operation)}</{name}>"


def _content(value: Any, operation: str) -> str:
    if isinstance(value, Mapping):
        return "".join(_elements(value, operation))
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def _xml(status: int, text: str) -> Answer:
    return answer(status, f'<?xml version="1.0"?>{text}'.encode(), *_XML)
