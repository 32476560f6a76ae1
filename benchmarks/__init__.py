"""How fast it is, beside others at the same job: ``python -m benchmarks`` measures, and draws what it found.

**How to run.** ``pip install -e '.[bench]'``, then ``python -m benchmarks``: every peer on every workload, five times
in alternating order, some 70 minutes on two cores that have nothing else to do. ``--workload``, ``--peer``,
``--runs`` and ``--quick`` measure less; ``python -m benchmarks report`` draws tables and plots from what was measured
before, and ``python -m benchmarks profile`` tells where the time goes. The Java peer needs a JDK and Maven; where they
are missing it is left out, and a line says so.

**What is measured.** A queue with as many messages as take some seconds; each names one log in S3; every event goes
to a callback that reads five fields of it and counts. SQS and S3 are simulated by one process (``benchmarks.aws``)
with the latency that they have in life: 15 ms for a call of SQS, 40 ms to the first byte from S3. A first lot of
messages warms everything up, the JVM above all; the second one is measured. The peers' counts are checked: a peer
that misses an event has no figure.

**How to read it.** *events/s* is by the clock, and includes what the simulated AWS takes of the same two cores. *CPU
seconds per million events* is of the peer's own processes alone: by it machines can be compared, and it is what a
larger machine multiplies. *The limit* is what inflating a log and finding its records costs, when nothing is read of
them: no library can be faster. Medians of all runs, with the lowest and the highest.

**What is not measured.** TLS, real networks and their jitter, throttling; other processors than the trivial one; logs
of other sizes than the three; a checkpoint, quarantine or deduplication. The figures of ``chaos`` and ``soak``,
beside this, are about promises and memory, not about speed.
"""
