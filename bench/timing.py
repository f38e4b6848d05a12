"""How long one run of something takes, robust against what else the machine does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def median_ms(run: Callable[[], object], times: int, block: int = 1) -> float:
    """The median of ``times`` blocks, for one run [ms]; short runs need a long block."""
    took = []
    for _ in range(times):
        began_s = time.process_time()
        for _ in range(block):
            run()
        took.append((time.process_time() - began_s) * 1e3 / block)
    return statistics.median(took)
