"""Rows of tables on torch, whose embedding function has sparse gradients."""

from keras import ops


def look_up(table, ids):
    from torch.nn.functional import embedding  # pyright: ignore[reportMissingImports] - of the extra `torch`

    return embedding(ids, table.value, sparse=True)


def refuse_whole(table):
    """Refuses nothing: what is read whole gets a whole gradient."""


def ids_and_gradients(gradient):
    if gradient.is_sparse:
        # As they are: summing up those of one row is the optimizer's.
        return ops.cast(gradient._indices()[0], "int32"), gradient._values()
    return ops.arange(gradient.shape[0], dtype="int32"), gradient


def read(variable, ids):
    return variable.value.detach()[ids]


def write(variable, ids, rows):
    variable.value.detach()[ids] = rows


def train_step(model, plain_step, *arguments):
    return plain_step(*arguments)
