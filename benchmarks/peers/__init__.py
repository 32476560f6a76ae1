"""The peers: programs that do the same job, each as a user would write it.

Each is told everything by its environment (``BENCH_QUEUE_URL``, ``BENCH_ENDPOINT``, ``BENCH_REGION``,
``BENCH_WORKLOAD``, ``BENCH_PROCESSES``), works until SIGTERM, and then writes what it counted to a file in
``BENCH_OUT``.
"""
