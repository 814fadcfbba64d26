"""What `mtframework serve --check` prints: how long answers take, and how much memory."""

import resource
import sys
import time
from pathlib import Path

import numpy as np
from rich.table import Table

from mtframework.cli import output
from mtframework.serving.app import load_service
from mtframework.serving.http.service import Request

_NUM_ANSWERS = 200


def print_check(run: Path) -> None:
    """Answers known queries one by one, and prints the percentiles of the seconds it takes."""
    begun = time.perf_counter()
    service = load_service(run, None)
    service.warm_up()
    ready = time.perf_counter() - begun
    key = service.model.schema.query_key
    names = service.model.vocabularies[key].known_values[:_NUM_ANSWERS].tolist()
    k = min(10, service.recommender.candidates.size)
    seconds = []
    for name in names:
        begun = time.perf_counter()
        service.recommend([Request([{key: name}], k=k)])
        seconds.append(time.perf_counter() - begun)
    table = Table("", "")
    table.add_row("ready after", f"{ready:.1f} s")
    for percent in (50, 90, 99):
        table.add_row(f"{percent} % within", f"{1000 * np.percentile(seconds, percent):.1f} ms")
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    table.add_row("memory", f"{memory:,.0f} MiB")
    output.console().print(f"{len(names)} queries, one at a time, {k} candidates each:", table)
