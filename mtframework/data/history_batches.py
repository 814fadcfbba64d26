"""Batches whose rows bring the events that they may know of their queries."""

from collections.abc import Mapping, Sequence

import numpy as np

from mtframework.data.batches import Batches, as_keras_batch
from mtframework.data.histories import Histories
from mtframework.schema.events import LAST, STARTS, in_history
from mtframework.schema.runs import begins_of_runs, offsets_of_runs, places_of_runs


class HistoryBatches(Batches):
    """Gives batches as `Batches` does; beside each row's features stands its history, packed.

    The histories of a batch stand one after another, nothing between them. The rows of a piece (see
    `Histories`) come one after another and share one history, of which each knows a part. Pieces
    are shuffled as wholes; one that does not fit into a batch goes on in the next one, with its
    history from the beginning.

    The features hold, beside the columns, `in_history(name)`, `[num_events, ...]`; `STARTS`,
    `[num_events]`; `LAST`, `[batch]`. There is room for a multiple of a quarter of `batch_size`
    events, so that a step is compiled for few shapes; what is behind the last event belongs to no
    row.

    Args:
        columns: Encoded columns, `{name: [num_rows]}`.
        features: The columns of the features.
        labels: The columns of the labels.
        sample_weights: The columns of the rows' weights.
        histories: Which events each row knows.
        batch_size: How many rows a batch has; the last one may have fewer.
        shuffle: Whether to shuffle.
        seed: What the order follows from.
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        features: Sequence[str],
        labels: Sequence[str],
        sample_weights: Sequence[str],
        histories: Histories,
        batch_size: int = 1024,
        shuffle: bool = True,
        seed: int = 0,
    ):
        self.histories = histories
        # Rows of a piece together, the earliest first.
        order = np.lexsort((histories.ends, histories.pieces))
        self._begins = begins_of_runs(histories.pieces[order])
        self._by_piece = order
        super().__init__(columns, features, labels, sample_weights, batch_size, shuffle, seed)

    def __getitem__(self, index: int):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        places, starts, last = _packed(self.histories, rows)
        room = max(self.batch_size // 4, 1)
        behind = max(-(-len(places) // room), 1) * room - len(places)
        columns, labels, weights = (
            {name: values[rows] for name, values in part.items()} for part in self.parts
        )
        for name, values in self.histories.columns.items():
            empty = np.zeros((behind, *values.shape[1:]), values.dtype)
            columns[in_history(name)] = np.concatenate([values[places], empty])
        own = np.arange(len(places), len(places) + behind)
        columns[STARTS] = np.concatenate([starts, own]).astype("int32")
        columns[LAST] = last.astype("int32")
        return as_keras_batch(columns, labels, weights)

    def on_epoch_end(self) -> None:
        self.position += 1
        if not self.shuffle:
            return
        pieces = np.arange(len(self._begins))
        self.generator.shuffle(pieces)
        lengths = np.diff(np.append(self._begins, len(self._by_piece)))[pieces]
        self.order = self._by_piece[places_of_runs(self._begins[pieces], lengths)]


def _packed(histories: Histories, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the events of a batch's rows, one history after another.

    Args:
        histories: Which events each row knows.
        rows: The rows; those of a piece stand together, in the order of what they know.

    Returns:
        Which events stand in the batch, `[num_events]`; where in the batch the history of each
        begins, `[num_events]`; and which place of the batch is the last event that each row knows,
        `[num_rows]`, -1 where it knows none.
    """
    begins = begins_of_runs(histories.pieces[rows])
    lasts = np.append(begins[1:], len(rows)) - 1
    starts, ends = histories.starts[rows[begins]], histories.ends[rows[lasts]]
    counts = ends - starts
    first = offsets_of_runs(counts)[:-1]  # where in the batch each history begins
    places = places_of_runs(starts, counts)
    piece_of_row = np.repeat(np.arange(len(begins)), lasts - begins + 1)
    num_known = histories.ends[rows] - histories.starts[rows]
    owner = np.repeat(np.arange(len(begins)), counts)
    left_out = histories.left_out[rows[begins]]
    if (left_out >= 0).any():  # then each row is a piece of its own
        is_kept = places != left_out[owner]
        num_known = np.bincount(owner[is_kept], minlength=len(begins))
        first = offsets_of_runs(num_known)[:-1]
        places, owner = places[is_kept], owner[is_kept]
    last = np.where(num_known > 0, first[piece_of_row] + num_known - 1, -1)
    return places, first[owner], last
