"""The Java library's ``.properties`` file, read as it is, in the words of our settings."""

import difflib
import re
from collections.abc import Iterator

SAME = {
    "sqsUrl": "queue_url",
    "sqsRegion": "region",
    "visibilityTimeout": "visibility_timeout",
    "threadCount": "threads",
    "numOfParallelReaders": "pollers",
    "threadTerminationDelaySeconds": "grace_time",
    "maxEventsPerEmit": "batch_size",
}
"""Keys that have a setting here."""

WITHOUT_EFFECT = {
    "accessKey": "credentials come through boto3's own chain (environment, profile, role); remove them from the file",
    "secretKey": "credentials come through boto3's own chain (environment, profile, role); remove them from the file",
    "s3Region": "the region of each bucket is found by itself",
    "enableRawEventInfo": "event.raw and event.metadata are always there",
    "deleteMessageUponFailure": "a message that failed is never deleted; give the queue a dead-letter queue instead",
}
"""Keys that are understood and change nothing, and why."""

_BLANKS = " \t\f"
_SEPARATOR = re.compile(r"(?<!\\)(?:\\\\)*([ \t\f]*[=:][ \t\f]*|[ \t\f]+)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def java_settings(text: str) -> tuple[dict[str, str], list[str]]:
    """Settings and warnings from the text of a properties file; keys that it leaves out keep our defaults.

    Keys that neither library knows have no effect, as in Java, but are warned of. No warning shows a value: two of the
    keys hold secrets. Answers to the Java class ``PropertiesFileConfiguration``.
    """
    settings: dict[str, str] = {}
    warnings: list[str] = []
    for key, value in pairs(text):
        if key in SAME:
            settings[SAME[key]] = value
        elif key in WITHOUT_EFFECT:
            warnings.append(f"{key} has no effect: {WITHOUT_EFFECT[key]}")
        else:
            near = difflib.get_close_matches(key, [*SAME, *WITHOUT_EFFECT], n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            warnings.append(f"{key} has no effect: neither the Java library nor this one knows it{guess}")
    if _number(settings.get("pollers")) > (threads := _number(settings.get("threads"))) > 0:
        settings["pollers"] = str(threads)
        warnings.append(f"numOfParallelReaders is lowered to threadCount ({threads}): more would only wait")
    return settings, warnings


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """The keys and values of a properties file: comments, continued lines and escapes as Java reads them.

    Blanks at the end of a value are dropped, which Java does not do: its numbers failed on them.
    """
    for line in _logical_lines(text):
        found = _SEPARATOR.search(line)
        key, value = (line[: found.start(1)], line[found.end(1) :]) if found else (line, "")
        yield _unescaped(key), _unescaped(value).rstrip(_BLANKS)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _logical_lines(text: str) -> Iterator[str]:
    waiting = ""
    for line in _LINE_END.split(text):
        stripped = line.lstrip(_BLANKS)
        if not waiting and (not stripped or stripped[0] in "#!"):
            continue
        ends_open = (len(stripped) - len(stripped.rstrip("\\"))) % 2 == 1
        waiting += stripped[:-1] if ends_open else stripped
        if not ends_open:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _unescaped(text: str) -> str:
    plain = _ESCAPE.sub(
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else _PLAIN.get(found[1], found[1]), text
    )
    # Java writes a character beyond the 16-bit range as two escapes.
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
