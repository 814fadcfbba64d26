"""What a model reports: shares of the total, and nothing that was not measured."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from keras import ops


def with_shares(tasks: Iterable[str], results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the metrics with each task's share of the total loss in place of its part."""
    totals = {name: results[f"{name}/total"] for name in tasks}
    total = sum(totals.values())
    safe_total = ops.where(ops.equal(total, 0), 1.0, total)
    parts = {f"{name}/total" for name in tasks}
    others = {key: value for key, value in results.items() if key not in parts}
    return {**others, **{f"{name}/share": part / safe_total for name, part in totals.items()}}


def measured(model, results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the results of an epoch without those that nothing was measured for.

    The metrics of a task without a row that counts are zeros that would read as results.

    Args:
        model: A `MultiTaskModel`.
        results: Numbers by name, as Keras has them at the end of an epoch.
    """
    empty = {name for name, report in model.reports.items() if report.is_empty()}
    gates = getattr(model.sharing, "gate_use", None)
    if gates is not None and gates.statistics.is_empty():
        empty.add("gate")
    if model.junction is not None:
        if model.junction.statistics.is_empty():
            empty |= {"gradient_cosine", "gradient_norm", "gradient_weight"}
        else:
            results = {**results, **model.junction.report()}  # with the epoch's last step
    undefined = {
        f"{name}/{metric.name}"
        for name, report in model.reports.items()
        for metric in report.task_metrics
        if hasattr(metric, "undefined") and np.isnan(float(results.get(f"{name}/{metric.name}", 0)))
    }
    return {
        key: value
        for key, value in results.items()
        if key.split("/")[0] not in empty and key not in undefined
    }
