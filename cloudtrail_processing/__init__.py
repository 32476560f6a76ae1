"""Act on AWS CloudTrail logs: from the SQS queue to your processor, so that no event is lost.

The modules in the order of the data::

    SQS ─▶ intake ─▶ notification ─▶ filters ─▶ aws.store ─▶ logfile ─▶ filters ─▶ events ─▶ delivery ─▶ your processor
     ▲     leases    message → logs  by key     bytes        records    by header  models    batches       │
     └── settling ◀── settlement: what becomes of the message ◀── outcomes, one for each log ◀─────────────┘

``pipeline`` takes one message through all of that, synchronously. ``worker`` does it for many at once, ``supervisor``
in many processes, ``sweep`` for logs that are already there, ``replay`` for what was set aside. On the way ``allowed``
refuses, ``verification`` proves by digests, ``checkpoint`` remembers, ``quarantine`` keeps what is bad, and ``breaker``
holds back when nothing can work.
``app``, ``assembly`` and ``parts`` plug the real parts in; ``testing`` has the fakes.

Names are imported when they are first used; ``__init__.pyi`` lists them all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
