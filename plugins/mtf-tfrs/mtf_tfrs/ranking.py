"""Predicts a number for a row, with the loss of TensorFlow Recommenders."""

from keras import ops

from mtf_tfrs.legacy_keras import import_tfrs
from mtframework import Ranking
from mtframework.registry import register_task


@register_task("tfrs_ranking")
class TfrsRanking(Ranking):
    """Predicts a row's label, and leaves its loss to `tfrs.tasks.Ranking`.

    The head is that of `Ranking`. The loss of a row is what the TFRS task returns when its loss is
    a Keras 2 loss without reduction; the model then takes its one weighted mean over the rows that
    count. Without weights and missing labels that is the number that TFRS itself returns, which
    divides by the number of rows.

    TFRS's own metrics are left out: `Ranking` has them, and they leave missing labels out.

    It needs TensorFlow as Keras's backend. Making one sets TF_USE_LEGACY_KERAS, so that `tf.keras`
    is Keras 2 from then on; `import keras` stays Keras 3.

    Args:
        name: The task's name.
        label: The label's column.
        loss_weight: The weight of the task's loss in the total.
        sample_weight: The column of the rows' weights.
        missing_label: A label value that means "not known", beside NaN and None.
        hidden_units: The sizes of the head's hidden layers.
        loss: The Keras name of the loss.
        activation: The Keras name of the prediction's activation; None for a plain number.
        metrics: The metrics to report, as `Ranking` takes them.
        bilinear: Whether the towers' embeddings are multiplied with each other as well.
        start_at_mean: Whether the head's bias begins at the mean label of the training rows.

    Example:

    >>> task = TfrsRanking("rating", label="user_rating")
    >>> ops.convert_to_numpy(task.example_losses(np.array([4.0, 1.0]), np.array([3.0, 3.0]), {}))
    array([1., 4.], dtype=float32)
    """

    def make_loss(self):
        """Returns the TFRS task as a function of labels and predictions, unreduced."""
        super().make_loss()  # which refuses what is not a loss of one number
        unreduced = _unreduced_ranking(self.loss)
        return lambda labels, predictions: unreduced(ops.cast(labels, "float32"), predictions)


def _unreduced_ranking(loss: str):
    """Returns a function of labels and predictions, `[batch, 1]`, to `[batch]` losses."""
    tfrs = import_tfrs(TfrsRanking.__name__)
    import tensorflow as tf

    class_name = "".join(word.title() for word in loss.split("_"))
    unreduced = {"class_name": class_name, "config": {"reduction": "none"}}
    task = tfrs.tasks.Ranking(loss=tf.keras.losses.get(unreduced))
    column = tf.TensorSpec([None, 1])

    # TFRS is written for autograph, which Keras 3 does without.
    @tf.function(input_signature=[column, column])
    def losses(labels, predictions):
        return task(labels, predictions, compute_metrics=False)

    return losses
