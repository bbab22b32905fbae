"""Loading what a process of an installation runs.

A server's or a worker's modules are two thousand, and they stay as long as the process. Imports
the standard library alone.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def for_good() -> Iterator[None]:
    """What is made in the block lives as long as the process.

    Looking for garbage in it again and again costs an eighth of the time in which a server starts,
    and there is none; afterwards the collector passes over it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
