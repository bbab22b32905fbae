"""A worker whose host's clock jumps: `python jumping_worker.py FILE` adds FILE's seconds to it."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from headless.clock import SystemClock
from headless.settings import load
from headless.worker import run

_OFF = Path(sys.argv[1])
_now = SystemClock.now


def _jumped(clock: SystemClock) -> datetime:
    return _now(clock) + timedelta(seconds=float(_OFF.read_text() or 0))


SystemClock.now = _jumped  # type: ignore[method-assign]  # a host whose clock is wrong
run(load(os.environ))
