"""What `mtframework serve --check` prints: how long answers take, and how much memory."""

import resource
import sys
import time
from dataclasses import replace

import numpy as np
from rich.table import Table

from mtframework.cli import output
from mtframework.serving.app import Served
from mtframework.serving.http.service import Request, Service

_NUM_ANSWERS = 200


def print_check(served: Served) -> None:
    """Answers known queries one by one, and prints the percentiles of the seconds it takes."""
    begun = time.perf_counter()
    models = replace(served, events=None).load()
    models.warm_up()
    ready = time.perf_counter() - begun
    unit = 1 if sys.platform == "darwin" else 1024
    table = Table("", *(models.versions if len(models.services) > 1 else [""]))
    measured = [_seconds(service) for service in models.services]
    table.add_row("ready after", f"{ready:.1f} s")
    for percent in (50, 90, 99):
        values = [f"{1000 * np.percentile(seconds, percent):.1f} ms" for seconds in measured]
        table.add_row(f"{percent} % within", *values)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    table.add_row("memory", f"{memory:,.0f} MiB")
    num = ", ".join(dict.fromkeys(str(len(seconds)) for seconds in measured))
    output.console().print(f"{num} queries, one at a time:", table)


def _seconds(service: Service) -> list[float]:
    key = service.model.schema.query_key
    names = service.model.vocabularies[key].known_values[:_NUM_ANSWERS].tolist()
    k = min(10, service.recommender.candidates.size)
    seconds = []
    for name in names:
        begun = time.perf_counter()
        service.recommend([Request([{key: name}], k=k)])
        seconds.append(time.perf_counter() - begun)
    return seconds
