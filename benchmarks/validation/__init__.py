"""``cloudtrail-processing validate`` beside ``aws cloudtrail validate-logs``: ``python -m benchmarks.validation``.

**How to run.** ``pip install -e '.[bench]'``, then ``python -m benchmarks.validation``: some 12 minutes. The AWS CLI
pins its own botocore, so it is installed into a virtual environment of its own, among temporary files; where that
cannot be done, a line says so and our side is run alone.

**What is shown.** *Agreement*: one signed trail of some hundred digests and thousands of logs, as it was delivered and
tampered with in every way that the CLI can see; the verdicts of both on every object. *Holes*: a small trail for
everything that the CLI does not see, or stumbles over. *Speed*: the same trail at several latencies of S3, in
alternating order, with what it takes them to start told apart from what an object takes.

**What it runs against.** The simulated AWS of ``benchmarks.aws``, which serves the whole trail from memory; *server
busy* is the share of a core that it took meanwhile. The keys are the generator's own.
"""
