"""Rows of tables on TensorFlow, where a lookup's gradient is of rows already.

A variable is read row by row everywhere, since reading it whole copies it once rows have been
written to it.
"""

from keras import ops


def look_up(table, ids):
    return table.value.sparse_read(ids)


def refuse_whole(table):
    """Refuses nothing: what is read whole gets a whole gradient."""


def ids_and_gradients(gradient):
    if hasattr(gradient, "indices"):
        return ops.cast(gradient.indices, "int32"), gradient.values
    return ops.arange(gradient.shape[0], dtype="int32"), gradient


def read(variable, ids):
    return variable.value.sparse_read(ids)


def write(variable, ids, rows):
    variable.value.scatter_nd_update(ops.expand_dims(ids, -1), rows)


def train_step(model, plain_step, *arguments):
    return plain_step(*arguments)
