"""`use_ema`: after training, weights are their averages; what has no average stays."""

import keras
import numpy as np
from shop import make_shop, make_tasks, make_towers

import mtframework as mtf
from mtframework.training.train import batches_of


def test_weights_end_as_their_averages():
    keras.utils.set_random_seed(0)
    shop = make_shop()
    model = mtf.MultiTaskModel(make_towers(), make_tasks())
    model.adapt(shop)
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    table = next(each for each in model.trainable_variables if each.shape == (21, 8))
    walked = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if keras.backend.backend() == "jax":
                model.jax_state_sync()
            walked.append(np.array(keras.ops.convert_to_numpy(table)))

    steps = batches_of(model, shop, "train", 80, shuffle=False)
    model.fit(steps, epochs=1, verbose=0, callbacks=[Watch()])
    average = walked[0]  # Keras begins with the first weights
    for after in walked[1:]:
        average = 0.9 * average + 0.1 * after
    assert len(walked) == 5
    found = keras.ops.convert_to_numpy(table)
    np.testing.assert_allclose(found, average, rtol=1e-5, atol=1e-7)
    assert np.abs(found - walked[-1]).max() > 1e-5
