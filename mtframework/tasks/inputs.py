"""What the model hands to its tasks."""

from collections.abc import Mapping
from typing import Any, TypedDict


class CallInputs(TypedDict):
    """What a task's `call` gets.

    Args:
        towers: The embeddings by tower name, each `[batch, embedding_dim]`; those of a retrieval's
            two towers as the task has them (see `Task.view_query`).
        representation: What the towers and the sharing layer give this task, `[batch, units]`.
    """

    towers: Mapping[str, Any]
    representation: Any


class LossInputs(TypedDict):
    """What a task's `example_losses` gets.

    Args:
        towers: The embeddings by tower name, as in `CallInputs`.
        valid: Which rows count for the task, `[batch]` bool; None where all do.
        counted: Which rows count for any task, and may be its negatives, `[batch]` bool; None where
            all do: others only fill a batch up, for devices to share it evenly.
        row_weights: What the model will weight the losses with, `[batch]` float32, zero where a row
            does not count.
        ids: The key ids by tower name, each `[batch]` int32.
        parents: The predictions of the tasks that this one follows in a chain, the first one first.
        num_ids: By tower name, how many ids there are, where the embedding is a function of the id
            alone.
        catalogue: Where the task has `needs_catalogue`: by tower name, the embeddings of all
            candidates, `[num_candidates, embedding_dim]`.
        catalogue_rows: Beside it, the row of each id, `[num_ids]` int32, -1 where it has none.
        sampled: Where the task has `num_sampled_candidates`: the ids and the embeddings, a pair, of
            so many candidates.
        num_candidates: Beside it, of how many they were drawn.
    """

    towers: Mapping[str, Any]
    valid: Any
    counted: Any
    row_weights: Any
    ids: Mapping[str, Any]
    parents: list[Any]
    num_ids: Mapping[str, int]
    catalogue: Mapping[str, Any]
    catalogue_rows: Any
    sampled: tuple[Any, Any]
    num_candidates: int
