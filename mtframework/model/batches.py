"""The rows of a split in the batches that a model reads."""

from mtframework.data.batches import Batches
from mtframework.data.dataset import Dataset
from mtframework.data.histories import histories_of
from mtframework.data.history_batches import HistoryBatches
from mtframework.data.rows import batches_of_rows, is_checked
from mtframework.data.streaming.streamed_batches import StreamedBatches


def batches_of(
    model,
    dataset: Dataset,
    split: str,
    batch_size: int,
    shuffle: bool = True,
    seed: int = 0,
    needs_labels: bool = True,
) -> Batches | StreamedBatches:
    """Returns one split's rows as the batches that a model reads.

    Where a tower reads histories, each row has its own; see `mtframework.data.histories`.

    Args:
        model: An adapted `MultiTaskModel`.
        dataset: The data.
        split: `"train"`, `"validation"` or `"test"`.
        batch_size: How many rows a batch has.
        shuffle: Whether to shuffle, as in training; rows of a query then share their history.
        seed: What the order follows from.
        needs_labels: Whether the batches hold labels and sample weights, too.
    """
    rows = dataset.split(split)
    columns = (model.feature_columns, model.label_columns, model.sample_weight_columns)
    if not needs_labels:
        columns = (model.feature_columns, (), ())
    if model.max_length:
        encoded = dataset.encoded_split(split, model.vocabularies)
        histories = histories_of(
            dataset, split, model.history_columns, model.max_length, model.vocabularies, shuffle
        )
        return HistoryBatches(encoded, *columns, histories, batch_size, shuffle, seed)
    if not needs_labels:
        encoded = dataset.encoded_split(split, model.vocabularies)
        return Batches(encoded, *columns, batch_size, shuffle, seed)
    encoded = None if is_checked(rows) else dataset.encoded_split(split, model.vocabularies)
    read = (rows, encoded, model.schema, model.vocabularies)
    return batches_of_rows(*read, columns, batch_size, shuffle, seed)
