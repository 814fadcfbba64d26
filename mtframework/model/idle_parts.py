"""A task without a label in a batch keeps what is its own as it is."""

from collections.abc import Sequence

from keras import Variable, ops


def keep_idle_parts(
    optimizer, groups: Sequence[Sequence[Variable]], entries: Sequence[Variable] = ()
) -> None:
    """Makes a Keras optimizer leave alone what a step says nothing about.

    A zero gradient does not mean a standstill: momentum carries a variable on, weight decay pulls
    it in, and running averages fade. After this call, a group of variables whose gradients are all
    zero in a step is exactly what it was before the step, with everything that the optimizer
    remembers of it; and so is each entry, taken alone, of the variables in `entries`.

    Nothing is kept under gradient accumulation, where a step's gradients are applied later.

    Args:
        optimizer: A Keras optimizer; changed in place, for as long as it lives.
        groups: Variables that belong together, such as those of one task's head.
        entries: Variables that hold one entry for each task.

    Example:

    >>> head, optimizer = keras.Variable([1.0, 2.0]), keras.optimizers.Adam(0.1)
    >>> keep_idle_parts(optimizer, [[head]])
    >>> optimizer.apply([ops.ones((2,))], [head])
    >>> after = ops.convert_to_numpy(head)
    >>> optimizer.apply([ops.zeros((2,))], [head])
    >>> bool((ops.convert_to_numpy(head) == after).all())
    True
    """
    if optimizer.gradient_accumulation_steps:
        return
    plain_apply = type(optimizer).apply.__get__(optimizer)

    def apply(grads, trainable_variables=None):
        variables = list(trainable_variables or optimizer._trainable_variables)
        if not optimizer.built:
            optimizer.build(variables)
        gradients = {id(v): g for v, g in zip(variables, grads, strict=True) if g is not None}
        kept = []
        for group in groups:
            present = [gradients[id(variable)] for variable in group if id(variable) in gradients]
            is_idle = _all_zero(present)
            for variable in group:
                kept += [(each, _copy(each), is_idle) for each in _state(optimizer, variable)]
        for variable in entries:
            if id(variable) in gradients:
                is_idle = ops.equal(gradients[id(variable)], 0)
                kept += [(each, _copy(each), is_idle) for each in _state(optimizer, variable)]
        plain_apply(grads, trainable_variables)
        for variable, before, is_idle in kept:
            variable.assign(ops.where(is_idle, before, ops.convert_to_tensor(variable)))

    optimizer.apply = apply


def _copy(variable):
    return ops.copy(ops.convert_to_tensor(variable))  # torch would hand out the variable itself


def _all_zero(gradients):
    idle = ops.convert_to_tensor(True)
    for gradient in gradients:
        idle = ops.logical_and(idle, ops.all(ops.equal(gradient, 0)))
    return idle


def _state(optimizer, variable) -> list[Variable]:
    """Returns a variable and all that the optimizer remembers of it."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # under a scaled loss
    places = [id(each) for each in inner._trainable_variables]
    if id(variable) not in places:
        return []
    place = places.index(id(variable))
    # Keras keeps one list for each thing remembered, parallel to the list of variables.
    remembered = [
        value[place]
        for value in vars(inner).values()
        if isinstance(value, list)
        and len(value) == len(places)
        and all(each is None or isinstance(each, Variable) for each in value)
    ]
    # Among those lists is the one of the variables themselves.
    found = {id(each): each for each in [variable, *remembered] if each is not None}
    return [each for each in found.values() if each.shape == variable.shape]
