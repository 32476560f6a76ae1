"""What a process that does nothing but this work asks of Python and of the C library; a library would not."""

import ctypes
import gc

_YOUNG = 20_000  # new objects between two looks at them, instead of 700
_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2


def tune() -> None:
    """Look for garbage less often, and never in what was imported; keep one heap instead of one per thread.

    Events hold no cycles, so that almost all looking is in vain: it costs a twentieth of the processor time. And a heap
    for each thread keeps what its largest log took: a third of the memory. May be repeated.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    _share_heaps()


def _share_heaps() -> None:
    """Only glibc has so many heaps; others do not know the call."""
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (OSError, AttributeError, TypeError):
        return
