"""What every contestant prints: one line of JSON with its median time, and its memory."""

import json
import resource
import statistics
import time
from collections.abc import Callable


def report(run: Callable[[], object], repeats: int, warm_ups: int = 2, **more) -> None:
    """Times `run` after warming up, and prints median seconds and the peak beyond the start."""
    for _ in range(warm_ups):
        run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": statistics.median(seconds), "peak_mib": peak_mib(), **more}))


def peak_mib() -> float:
    """Returns the largest size that the process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
