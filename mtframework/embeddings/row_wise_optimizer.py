"""An optimizer that moves some tables row by row, and leaves the rest to another."""

from collections.abc import Mapping, Sequence

import keras
from keras import ops

from mtframework.embeddings.backend import rows_of_backend
from mtframework.embeddings.rules import Rule
from mtframework.embeddings.spread import layout_of


class RowWiseOptimizer(keras.optimizers.Optimizer):
    """Moves the rows of tables that have gradients, and hands all other weights on.

    Clipping and the scale of the loss are the same arithmetic as in Keras, on the sum of the
    gradients of each row: rows without a gradient add nothing to a norm.

    Args:
        dense: The optimizer of all other weights.
        tables: The weights whose gradients are of rows.
        rule: How rows move.
        own: Whose settings hold for the tables; None for those of `dense`.
    """

    def __init__(
        self,
        dense: keras.optimizers.Optimizer,
        tables: Sequence[keras.Variable],
        rule: Rule,
        own: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(learning_rate=0.0, name="row_wise")
        self.dense = dense
        self.own = own
        self.rule = rule
        self.state = _State(tables)

    @property
    def settings(self) -> keras.optimizers.Optimizer:
        """Whose learning rate, clipping and weight decay hold for the tables."""
        return self.own or getattr(self.dense, "inner_optimizer", self.dense)

    def is_row_wise(self, variable: keras.Variable) -> bool:
        """Returns whether a weight is one of the tables."""
        return id(variable) in self.state.places

    def build(self, variables):
        if self.built:
            return
        self.dense.build([each for each in variables if not self.is_row_wise(each)])
        for table in self.state.tables:
            slots = {
                name: self.add_variable(
                    (table.shape[0], slot.dim),
                    keras.initializers.Constant(slot.initial),
                    table.dtype,
                    layout=layout_of(table),
                    name=f"{table.path.replace('/', '_')}_{name}",
                )
                for name, slot in self.rule.slots(table.shape[1]).items()
            }
            self.state.slots.append(slots)
        super().build(variables)

    @property
    def variables(self):
        of_own = [] if self.own is None else self.own.variables
        return [*self._variables, *of_own, *self.dense.variables]

    def save_own_variables(self, store):
        for number, variable in enumerate(self._variables):  # the others save their own
            store[str(number)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        for number, variable in enumerate(self._variables):
            variable.assign(store[str(number)])

    def apply(self, grads, trainable_variables=None):
        variables = list(trainable_variables or self._trainable_variables)
        if not self.built:
            self.build(variables)
        of_tables, dense, of_dense = {}, [], []
        for gradient, variable in zip(grads, variables, strict=True):
            if self.is_row_wise(variable):
                if gradient is not None:
                    ids, rows = rows_of_backend().ids_and_gradients(gradient)
                    of_tables[id(variable)] = summed(ids, rows)
            else:
                dense.append(variable)
                of_dense.append(gradient)
        # What is no gradient but a value to be kept goes by untouched.
        is_plain = [
            gradient is not None and not getattr(variable, "overwrite_with_gradient", False)
            for gradient, variable in zip(of_dense, dense, strict=True)
        ]
        plain = [gradient for gradient, each in zip(of_dense, is_plain, strict=True) if each]
        is_finite, plain = self._unscale(of_tables, plain)
        clipped = iter(self._clip(of_tables, plain))
        of_dense = [
            next(clipped) if each else gradient
            for gradient, each in zip(of_dense, is_plain, strict=True)
        ]
        learning_rate = self.settings.learning_rate
        for table, slots in zip(self.state.tables, self.state.slots, strict=True):
            if id(table) in of_tables:
                self._move(table, slots, of_tables[id(table)], learning_rate, is_finite)
        if self.own is not None:
            self.own._iterations.assign_add(
                1 if is_finite is None else ops.cast(is_finite, "int32")
            )
        self._iterations.assign_add(1)
        self._apply_dense(of_dense, dense)

    def _unscale(self, of_tables, of_dense):
        """Takes the scale of the loss out of rows; returns whether all is finite, where asked."""
        if not hasattr(self.dense, "inner_optimizer"):
            scale = self.dense.loss_scale_factor
            if scale is not None:
                for each in of_tables.values():
                    each.totals = each.totals / scale
            return None, of_dense
        is_finite = ops.convert_to_tensor(True)
        for each in of_tables.values():
            is_finite = ops.logical_and(is_finite, ops.all(ops.isfinite(each.totals)))
        # Rows that overflow let the whole step be skipped, and the scale be halved.
        poison = ops.where(is_finite, 0.0, float("nan"))
        of_dense = [gradient + ops.cast(poison, gradient.dtype) for gradient in of_dense]
        for gradient in of_dense:
            is_finite = ops.logical_and(is_finite, ops.all(ops.isfinite(gradient)))
        for each in of_tables.values():
            each.totals = each.totals / self.dense.dynamic_scale
        return is_finite, of_dense

    def _clip(self, of_tables, of_dense):
        """Clips rows as their settings say; returns the other gradients, clipped with them."""
        settings = self.settings
        if settings.clipvalue:
            for each in of_tables.values():
                each.totals = ops.clip(each.totals, -settings.clipvalue, settings.clipvalue)
        elif settings.clipnorm:
            for each in of_tables.values():
                each.totals = each.totals * _factor(settings.clipnorm, each.squared_norm())
        elif settings.global_clipnorm:
            squares = sum(each.squared_norm() for each in of_tables.values())
            scale = 1.0
            if self.own is None:
                if hasattr(self.dense, "inner_optimizer"):
                    scale = self.dense.dynamic_scale
                elif self.dense.loss_scale_factor is not None:
                    scale = self.dense.loss_scale_factor
                for gradient in of_dense:
                    squares = squares + ops.sum(ops.square(gradient / scale))
            factor = _factor(settings.global_clipnorm, squares)
            for each in of_tables.values():
                each.totals = each.totals * factor
            if self.own is None:  # what its own clipping then finds is within the norm
                of_dense = [each * ops.cast(factor, each.dtype) for each in of_dense]
        return of_dense

    def _move(self, table, slots, gradient, learning_rate, is_finite):
        rows_of = rows_of_backend()
        ids = gradient.ids
        rate = ops.cast(learning_rate, table.dtype)
        before = rows_of.read(table, ids)
        remembered = {name: rows_of.read(slot, ids) for name, slot in slots.items()}
        rows = before
        if self.settings.weight_decay is not None and self.settings._use_weight_decay(table):
            rows = rows - rows * self.settings.weight_decay * rate
        step = self.settings.iterations + 1
        rows, after = self.rule.move(rows, gradient.totals, remembered, rate, step)
        if is_finite is not None:
            rows = ops.where(is_finite, rows, before)
            after = {name: ops.where(is_finite, after[name], remembered[name]) for name in after}
        rows_of.write(table, ids, rows)
        for name, slot in slots.items():
            rows_of.write(slot, ids, after[name])

    def _apply_dense(self, gradients, variables):
        if keras.backend.backend() != "jax":
            self.dense.apply(gradients, variables)
            return
        # A scaled loss branches, which on JAX no optimizer can but in its stateless form.
        state = self.dense.variables
        values = [ops.convert_to_tensor(each) for each in (*variables, *state)]
        split = len(variables)
        new = self.dense.stateless_apply(values[split:], gradients, values[:split])
        for variable, value in zip((*variables, *state), (*new[0], *new[1]), strict=True):
            variable.assign(value)

    def scale_loss(self, loss):
        return self.dense.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.dense.finalize_variable_values(
            [each for each in var_list if not self.is_row_wise(each)]
        )

    @property
    def learning_rate(self):
        return self.dense.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.dense.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.dense.iterations


class _State:
    """What Keras shall not track as variables of the optimizer."""

    def __init__(self, tables: Sequence[keras.Variable]):
        self.tables = list(tables)
        self.places = {id(table): place for place, table in enumerate(tables)}
        self.slots: list[Mapping[str, keras.Variable]] = []


class _Summed:
    """The gradient of each row that a step touched.

    Args:
        ids: `[num]` int32, ascending; a row that was looked up n times stands here n times.
        totals: The sum of its gradients, `[num, dim]`, the same each time.
        is_first: Where a row stands for the first time, `[num]`.
    """

    def __init__(self, ids, totals, is_first):
        self.ids, self.totals, self.is_first = ids, totals, is_first

    def squared_norm(self):
        """Returns the squared norm of the table's gradient."""
        once = ops.expand_dims(ops.cast(self.is_first, self.totals.dtype), -1)
        return ops.sum(ops.square(self.totals) * once)


def summed(ids, gradients) -> _Summed:
    """Adds up the gradients of each row.

    The shapes stay as they are, which a compiled step needs: a row that repeats keeps its places,
    and has the sum in all of them.

    Args:
        ids: `[num]` int32, in any order, with repetitions.
        gradients: `[num, dim]`.

    Example:

    >>> result = summed(np.array([7, 3, 7]), np.array([[1.0], [2.0], [10.0]], "float32"))
    >>> ops.convert_to_numpy(result.ids).tolist()
    [3, 7, 7]
    >>> ops.convert_to_numpy(result.totals).tolist()
    [[2.0], [11.0], [11.0]]
    """
    order = ops.argsort(ids)
    ids = ops.take(ids, order, axis=0)
    is_first = ops.concatenate([ops.ones_like(ids[:1], "bool"), ids[1:] != ids[:-1]])
    places = ops.cumsum(ops.cast(is_first, "int32")) - 1
    sums = ops.segment_sum(ops.take(gradients, order, axis=0), places, ops.shape(ids)[0])
    return _Summed(ids, ops.take(sums, places, axis=0), is_first)


def _factor(norm: float, squares):
    """Returns by what a gradient of some squared norm is multiplied so as not to exceed `norm`."""
    return norm / ops.maximum(ops.sqrt(squares), norm)
