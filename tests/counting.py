"""How much is done, whatever the time it takes."""

import sys
from collections.abc import Callable
from itertools import count


def work(done: Callable[[], object]) -> int:
    """How many functions are called, and steps of generators taken, until it is done."""
    calls = count()
    sys.setprofile(lambda *_: next(calls))
    try:
        done()
    finally:
        sys.setprofile(None)
    return next(calls)
