"""Moving averages of the weights, where some variables have none."""

from collections.abc import Sequence

from keras import Variable


def take_averages_that_are_there(optimizer) -> None:
    """Lets a Keras optimizer with `use_ema` end its training where a variable has no average.

    Keras keeps none of what is assigned and not descended along, such as a junction's statistics,
    and on TensorFlow would then assign None.

    Args:
        optimizer: A Keras optimizer; changed in place.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # under a scaled loss

    def overwrite(trainable_variables: Sequence[Variable]) -> None:
        averages = optimizer._model_variables_moving_average
        for variable, average in zip(trainable_variables, averages, strict=True):
            if average is not None:
                variable.assign(average)

    optimizer._overwrite_model_variables_with_average_value = overwrite
