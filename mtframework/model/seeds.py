"""When layers draw their seeds: as a model is built, and not as its parts are made."""

import random

import keras


def draw_anew(model: keras.Model) -> None:
    """Lets layers that drew seeds when they were made draw them again.

    So a seed that is set before the model learns its columns decides all weights, whatever was made
    or drawn before. A layer that was given a seed keeps it.

    Args:
        model: A model whose weights are not made yet.
    """
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            if isinstance(value, keras.initializers.Initializer):
                if hasattr(value, "seed") and getattr(value, "_init_seed", None) is None:
                    value.seed = random.randint(1, int(1e9))
            elif isinstance(value, keras.random.SeedGenerator) and value._initial_seed is None:
                value.state.assign([random.randint(1, int(1e9)), 0])
