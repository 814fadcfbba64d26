"""Whether more or less of a metric is better."""

_LOWER = frozenset({"loss", "rmse", "mae", "mse", "deviance", "perplexity"})
_LOWER_ENDINGS = ("_loss", "_error", "_rmse", "_mae", "_deviance")


def lower_is_better(metric: str) -> bool:
    """Returns whether a smaller value of a metric is the better one, which its name tells.

    Losses and errors are better small; everything else (top-k accuracies, AUC, NDCG) large.

    Args:
        metric: The metric's name, with or without its task: `"rating/rmse"`, `"val_rating/loss"`.

    Example:

    >>> lower_is_better("rating/rmse"), lower_is_better("watch/top_100")
    (True, False)
    """
    name = metric.rsplit("/", 1)[-1].removeprefix("val_").lower()
    return name in _LOWER or name.endswith(_LOWER_ENDINGS)
