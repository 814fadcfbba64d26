"""Rows of tables on JAX, which differentiates by arguments and knows no sparse gradients.

So a step looks rows up without a gradient, adds zeros to them, and differentiates by the zeros.
How many there must be is known from tracing the step once, without running it.
"""

from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
from keras import ops

from mtframework.errors import ModelError


class RowGradients(NamedTuple):
    """Gradients of rows: ids, `[num]`, and the gradient of each, `[num, dim]`."""

    ids: Any
    gradients: Any


class _Lookups:
    """The lookups of a step, table by table in the order in which they are made."""

    def __init__(self, tables, zeros):
        self.places = {id(table): place for place, table in enumerate(tables)}
        self.zeros = zeros
        self.ids: list[list] = [[] for _ in tables]

    def add(self, table, ids):
        place = self.places[id(table)]
        number = len(self.ids[place])
        self.ids[place].append(ids)
        rows = ops.stop_gradient(ops.take(ops.convert_to_tensor(table), ids, axis=0))
        return rows if self.zeros is None else rows + self.zeros[place][number]


_LOOKUPS: ContextVar[_Lookups | None] = ContextVar("lookups", default=None)


def look_up(table, ids):
    lookups = _LOOKUPS.get()
    if lookups is None or id(table) not in lookups.places:
        return ops.take(ops.convert_to_tensor(table), ids, axis=0)
    return lookups.add(table, ids)


def refuse_whole(table):
    lookups = _LOOKUPS.get()
    if lookups is not None and id(table) in lookups.places:
        raise ModelError(
            f'A training step reads the whole table "{table.path}", which learns row by row.',
            "Rows that are looked up by calling the table with ids.",
            "Call the table, or set EmbeddingOptimizer.dense_up_to = None.",
        )


def ids_and_gradients(gradient):
    return gradient


def read(variable, ids):
    return ops.take(ops.convert_to_tensor(variable), ids, axis=0)


def write(variable, ids, rows):
    variable.assign(variable.value.at[ids].set(rows))


def train_step(model, plain_step, state, data):
    import jax

    weights, others, optimizer_state, metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    variables = model.trainable_variables
    is_table = [model.optimizer.is_row_wise(variable) for variable in variables]
    tables = [variable for variable, row_wise in zip(variables, is_table, strict=True) if row_wise]

    def loss_of(dense, zeros):
        rest = iter(dense)
        every = [
            whole if row_wise else next(rest)
            for whole, row_wise in zip(weights, is_table, strict=True)
        ]
        lookups = _Lookups(tables, zeros)
        token = _LOOKUPS.set(lookups)
        try:
            loss, updates = model.compute_loss_and_updates(
                every,
                others,
                metrics,
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=optimizer_state,
            )
        finally:
            _LOOKUPS.reset(token)
        return loss, (updates, lookups.ids)

    dense = [whole for whole, row_wise in zip(weights, is_table, strict=True) if not row_wise]
    shapes = jax.eval_shape(lambda: loss_of(dense, None)[1][1])
    zeros = [
        [ops.zeros((*ids.shape, table.shape[1]), table.dtype) for ids in of_table]
        for table, of_table in zip(tables, shapes, strict=True)
    ]
    differentiate = jax.value_and_grad(loss_of, argnums=(0, 1), has_aux=True)
    (_, (updates, ids)), (of_dense, of_rows) = differentiate(dense, zeros)
    of_tables = iter(map(_joined, ids, of_rows))
    of_others = iter(of_dense)
    gradients = [next(of_tables if row_wise else of_others) for row_wise in is_table]
    unscaled_loss, predictions, others, metrics = updates
    weights, optimizer_state = model.optimizer.stateless_apply(optimizer_state, gradients, weights)
    logs, metrics = model._update_metrics_variables(
        metrics, unscaled_loss, x, y, predictions, sample_weight
    )
    return logs, (weights, others, optimizer_state, metrics)


def _joined(ids, gradients) -> RowGradients | None:
    if not ids:
        return None
    return RowGradients(
        ops.concatenate([ops.reshape(each, (-1,)) for each in ids]),
        ops.concatenate([ops.reshape(each, (-1, each.shape[-1])) for each in gradients]),
    )
