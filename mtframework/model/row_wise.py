"""Which of a model's tables learn row by row."""

import keras

from mtframework.embeddings.embedding_optimizer import EmbeddingOptimizer
from mtframework.embeddings.row_wise_optimizer import RowWiseOptimizer
from mtframework.embeddings.table import Table
from mtframework.errors import ModelError


def with_row_wise_tables(model) -> keras.optimizers.Optimizer:
    """Returns a compiled model's optimizer, which from now on moves large tables row by row.

    Args:
        model: A built and compiled `MultiTaskModel`; which of its tables are `row_wise` is set.

    Raises:
        ModelError: The model's `embedding_optimizer` asks for what its optimizer cannot do.
    """
    optimizer = getattr(model.optimizer, "dense", model.optimizer)
    settings = model.embedding_optimizer
    try:
        rule = (settings or EmbeddingOptimizer()).rule(optimizer)
    except ModelError:
        if settings is not None and settings.dense_up_to is not None:
            raise
        rule = None  # nobody has asked for it
    large = [] if rule is None else _large_tables(model, settings or EmbeddingOptimizer())
    for table in _tables(model):
        table.row_wise = table in large
    if rule is None or not large:
        return optimizer
    own = None if settings is None else settings.optimizer
    # The weights: which are read as a whole once they are row-wise, and then by this name alone.
    return RowWiseOptimizer(optimizer, [table.trainable_weights[0] for table in large], rule, own)


def _large_tables(model, settings: EmbeddingOptimizer) -> list[Table]:
    if settings.dense_up_to is None:
        return []
    # The whole catalogue is looked up in each step.
    whole = {task.candidate for task in model.tasks.values() if task.needs_catalogue}
    apart = {id(table) for name in whole for table in _tables_of(model.towers[name])}
    return [
        table
        for table in _tables(model)
        if table.input_dim > settings.dense_up_to
        and table.trainable_weights
        and id(table) not in apart
    ]


def _tables(model) -> list[Table]:
    tables = [table for tower in model.towers.values() for table in _tables_of(tower)]
    return list({id(table): table for table in tables}.values())


def _tables_of(layer: keras.layers.Layer) -> list[Table]:
    return [each for each in layer._flatten_layers() if isinstance(each, Table)]
