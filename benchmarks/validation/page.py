"""The results as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.validation.agreement import Agreement
from benchmarks.validation.holes import Row
from benchmarks.validation.speed import CLI, OURS, Run, middle
from benchmarks.validation.verdicts import How, Verdict

_MIB = 2**20
_TIMES_AT_30 = 50
_SHOWN = 40


def agreement_part(agreements: Iterable[Agreement]) -> Iterator[str]:
    """How often both said the same, and every object of which they did not."""
    yield "## The same trail, the verdicts of both"
    yield ""
    yield "|  | digests | logs | tamperings | exit of the CLI | ours | " + " | ".join(How) + " |"
    yield "|---" + "|--:" * (5 + len(How)) + "|"
    told = list(agreements)
    for it in told:
        counts = " | ".join(f"{it.counts[how]:,}" for how in How)
        first = f"{it.title} | {it.digests:,} | {it.logs:,} | {len(it.acts)} | {it.theirs.code} | {it.ours.code}"
        yield f"| {first} | {counts} |"
    for it in told:
        yield from _others(it)
    for it in told:
        yield ""
        yield (
            f"Trail {it.title}: of the lines that the CLI writes on objects and gaps, `--format aws` repeats "
            f"{it.repeated:,} to the letter and on the same stream, and {len(it.changed):,} not."
        )
        yield from (f"* `{line}`".replace("\t", " ") for line in it.changed[:_SHOWN])
    for it in told:
        if it.acts:
            yield ""
            yield f"Tamperings: {'; '.join(it.acts)}."


def _others(agreement: Agreement) -> Iterator[str]:
    for how in How:
        pairs = agreement.of(how)
        if how in (How.SAME, How.BEHIND) or not pairs:
            continue
        yield ""
        yield f"Trail {agreement.title}, {how}:"
        yield ""
        yield "| object | CLI | ours |"
        yield "|---|---|---|"
        for pair in pairs[:_SHOWN]:
            yield f"| {_name(pair.place)} | {_said(pair.theirs)} | {_said(pair.ours)} |"
        if len(pairs) > _SHOWN:
            yield f"| and {len(pairs) - _SHOWN:,} more |  |  |"


def _name(place: str) -> str:
    return f"`{place.rpartition('/')[2]}`"


def _said(verdict: Verdict | None) -> str:
    if verdict is None:
        return "–"
    words = f": {verdict.said}" if verdict.said and not verdict.is_valid else ""
    return f"{verdict.state or 'invalid'}{words}".replace("|", "\\|")


def holes_part(rows: Iterable[Row]) -> Iterator[str]:
    """What each said of each case."""
    yield "## What the CLI does not see, or stumbles over"
    yield ""
    yield "| case | exit | the CLI's words | our exit | our findings |  |"
    yield "|---|--:|---|--:|---|---|"
    for row in rows:
        found = "; ".join(dict.fromkeys(_finding(it.what, it.state, it.detail) for it in row.found)) or "all valid"
        theirs = row.their_words.replace("|", "\\|")
        seen = "seen" if row.is_seen else "**not seen**"
        yield f"| {row.case.name} | {row.theirs.code} | {theirs} | {row.ours.code} | {found} | {seen} |"


def _finding(what: str, state: str, detail: str) -> str:
    return f"{what} {state}{f' ({detail})' if detail else ''}".replace("|", "\\|")


def speed_part(runs: Sequence[Run]) -> Iterator[str]:
    """The figures of both at every latency, and the targets."""
    yield "## Speed"
    yield ""
    yield (
        "| latency of S3 | program | objects | objects/s, start included | once started "
        "| CPU ms per object, start included | of one object more | MiB | server busy |"
    )
    yield "|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    lines = list(_speed_lines(runs))
    yield from lines
    yield ""
    yield from _targets(runs)


def _speed_lines(runs: Sequence[Run]) -> Iterator[str]:
    for latency in sorted({it.latency for it in runs}):
        for program in (CLI, OURS):
            figures = {
                name: middle(runs, program, latency, name)
                for name in ("objects", "rate", "pace", "cost", "marginal", "memory", "busy")
            }
            if (objects := figures["objects"]) is None:
                continue
            told = {name: value or 0 for name, value in figures.items()}
            yield (
                f"| {latency:g} ms | {program} | {objects:,.0f} | {told['rate']:,.0f} | {told['pace']:,.0f} | "
                f"{told['cost'] * 1000:.2f} | {told['marginal'] * 1000:.2f} | {told['memory'] / _MIB:.0f} | "
                f"{told['busy']:.0%} |"
            )


def _targets(runs: Sequence[Run]) -> Iterator[str]:
    yield "| target | wanted | reached |  |"
    yield "|---|--:|--:|---|"
    rows = (
        ("objects/s beside the CLI at 30 ms, start included", 30, "rate", _TIMES_AT_30, True),
        ("objects/s beside the CLI at 30 ms, once started", 30, "pace", _TIMES_AT_30, True),
        ("CPU per object beside the CLI's at 0 ms, start included", 0, "cost", 1, False),
        ("CPU of one object more beside the CLI's at 0 ms", 0, "marginal", 1, False),
    )
    for name, latency, figure, wanted, is_more in rows:
        mine, theirs = middle(runs, OURS, latency, figure), middle(runs, CLI, latency, figure)
        if mine is None or not theirs:
            continue
        ratio = mine / theirs
        met = ratio >= wanted if is_more else ratio < wanted
        yield f"| {name} | {'≥' if is_more else '<'} {wanted} × | {ratio:.2f} × | {'met' if met else '**missed**'} |"
