"""A retrieval as the author of a plugin would write it."""

import keras
from keras import ops

import mtframework as mtf


@keras.saving.register_keras_serializable(package="tests")
class SampledBPR(mtf.Task):
    """-log sigmoid(score − score of a drawn candidate), mean over the drawn ones.

    Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback".
    """

    def __init__(self, name=None, query="", candidate="", num_negatives=8):
        super().__init__(name)
        self.query, self.candidate = query, candidate
        self.num_sampled_candidates = num_negatives

    def reads(self, towers):
        return (self.query, self.candidate)

    def call(self, inputs, training=None):
        towers = inputs["towers"]
        return ops.sum(towers[self.query] * towers[self.candidate], axis=-1)

    def example_losses(self, labels, predictions, inputs):
        _, drawn = inputs["sampled"]
        negatives = ops.matmul(inputs["towers"][self.query], ops.transpose(drawn))
        gaps = ops.cast(ops.expand_dims(predictions, -1) - negatives, "float32")
        return ops.mean(ops.softplus(-gaps), axis=-1)

    def get_config(self):
        return {
            "name": self.name,
            "query": self.query,
            "candidate": self.candidate,
            "num_negatives": self.num_sampled_candidates,
        }
