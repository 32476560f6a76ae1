"""The ledger as the rules see it: notes of logs, chains and digests under their names, written with patience."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.ports import Entry, Ledger
from cloudtrail_processing.retry import in_place, is_worth_another_try
from cloudtrail_processing.verification.chains import Chain, folder_of
from cloudtrail_processing.verification.logs import LogNotes

LOOK_AGAIN: Final = 3_300
"""Seconds in which a folder is not looked into by anybody else."""


class Book:
    """Reads and writes for one piece of work; what fails is tried again while ``keep_going`` does not raise."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        namespace: str,
        keep_going: Callable[[], None],
        patience: float,
        pause: Callable[[float], None],
    ) -> None:
        self._ledger = ledger
        self._namespace = namespace
        self._keep_going = keep_going
        self._patience = patience
        self._pause = pause

    # ── logs ──

    def change_log(self, new: LogNotes, change: Callable[[LogNotes], LogNotes]) -> LogNotes:
        """What is known of a log once ``change`` was made, to ``new`` where nothing is known.

        While it is open it is in the list of its chain.
        """
        notes = new

        def changed(entry: Entry | None) -> Entry:
            nonlocal notes
            notes = change(LogNotes.read(entry.text) if entry else new)
            return Entry(notes.text, self._name("open", notes.chain) if notes.is_open else "")

        self._change(self._name("log", new.log), changed)
        return notes

    def told(self, notes: LogNotes) -> None:
        """Write down what was told of a log."""

        def changed(entry: Entry | None) -> Entry:
            known = LogNotes.read(entry.text).telling(notes) if entry else notes
            return Entry(known.text, self._name("open", known.chain) if known.is_open else "")

        self._change(self._name("log", notes.log), changed)

    def log(self, notes: LogNotes) -> LogNotes:
        """What is known of the log now; ``notes`` where nothing is."""
        name = self._name("log", notes.log)
        entry = self._read(name).get(name)
        return LogNotes.read(entry.text) if entry else notes

    def open_logs(self, folder: str) -> list[LogNotes]:
        """The logs of a chain of which something is still to be told."""
        return [LogNotes.read(entry.text) for entry in self._listed(self._name("open", folder)).values()]

    # ── chains ──

    def chain(self, folder: str) -> Chain:
        """What is known of the digests in a folder."""
        name = self._name("chain", folder)
        entry = self._read(name).get(name)
        return Chain.read(entry.text) if entry else Chain(folder)

    def change_chain(self, folder: str, change: Callable[[Chain], Chain]) -> Chain:
        """The same once ``change`` was made."""

        def changed(entry: Entry | None) -> Entry:
            return Entry(change(Chain.read(entry.text) if entry else Chain(folder)).text, self._name("chains", ""))

        return Chain.read(self._change(self._name("chain", folder), changed).text)

    def chains(self) -> Iterator[Chain]:
        """Every chain that is known."""
        return (Chain.read(entry.text) for entry in self._listed(self._name("chains", "")).values())

    # ── digests ──

    def digest(self, name: str) -> str:
        """What became of the digest of that name; ``""`` when nothing did."""
        full = self._name("digest", name)
        entry = self._read(full).get(full)
        return entry.text if entry else ""

    def settle_digest(self, name: str, state: str) -> None:
        """Write down what became of it: on the disk when this returns, with all that was written before."""
        self._change(self._name("digest", name), lambda _: Entry(state), durable=True)

    def _name(self, kind: str, name: str) -> str:
        return f"{self._namespace}|{kind}|{name}"

    def _read(self, name: str) -> Mapping[str, Entry]:
        return self._ask(self._ledger.read, [name])  # type: ignore[no-any-return]

    def _listed(self, name: str) -> Mapping[str, Entry]:
        return self._ask(self._ledger.listed, name)  # type: ignore[no-any-return]

    def _change(self, name: str, change: Callable[[Entry | None], Entry], *, durable: bool = False) -> Entry:
        return self._ask(self._ledger.change, name, change, durable=durable)  # type: ignore[no-any-return]

    def _ask(self, question: Callable[..., Any], *arguments: object, **named: object) -> Any:
        def ask() -> Any:
            with bookkeeping("the integrity ledger"):
                return question(*arguments, **named)

        try:
            return ask()
        except CloudTrailProcessingError as error:
            if not _is_hopeful(error):
                raise
            return self._patiently(ask)

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """The same, tried again: made only where it is needed, as making it costs more than to ask."""
        again = in_place(
            attempts=1_000,
            seconds=self._patience,
            before_attempt=self._keep_going,
            sleep=self._pause,
            worth_it=_is_hopeful,
        )
        return again(ask)


def fresh(log: LogObject) -> LogNotes:
    """The notes of a log of which nothing is known."""
    slot = log.slot_time.timestamp() if log.slot_time else 0
    return LogNotes(log.uri, folder_of(log), slot=slot)


def _is_hopeful(error: BaseException) -> bool:
    return isinstance(error, ConfigurationError) or is_worth_another_try(error)
