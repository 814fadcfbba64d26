"""Many categories to few embeddings, by hashing."""

import hashlib

import numpy as np
from keras import ops

from mtframework.features.feature import Feature
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("hashed")
class Hashed(Feature):
    """The embedding of the bucket that a category's text is hashed into.

    The table has `num_buckets` rows, however many categories there are; categories of one bucket
    share an embedding. With `num_hashes`, a category's vector is the sum of so many rows of the
    table, each found by a hash of its own, and two categories rarely have all of them in common.
    The hash depends on the text alone, on every machine. A category never seen in training is
    hashed as `"[UNK]"`, so that all of them share one vector.

    Args:
        column: A categorical column.
        num_buckets: How many embeddings there are; two or more.
        num_hashes: How many of them a category has.
        embedding_dim: The size of the embedding; None for the tower's.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning"; several
    hashes after Svenstrup et al. 2017, "Hash embeddings for efficient word representations".

    Example:

    >>> from mtframework.schema.vocabulary import Vocabulary
    >>> codes = Vocabulary(["85711", "94043", "T8H1N"])
    >>> zip_code = Hashed("zip_code", num_buckets=2, embedding_dim=3)
    >>> zip_code.build(codes.size, 32)
    >>> zip_code.adapt(np.array([1, 2]), codes)
    >>> tuple(zip_code(np.array([3, 0])).shape)
    (2, 3)
    """

    reads = ("categorical",)

    def __init__(
        self,
        column: str,
        num_buckets: int = 1000,
        num_hashes: int = 1,
        embedding_dim: int | None = None,
        dtype: Policy = None,
    ):
        super().__init__(column, dtype)
        self.num_buckets = self.whole_number("num_buckets", num_buckets, 2)
        self.num_hashes = self.whole_number("num_hashes", num_hashes, 1)
        self.embedding_dim = self.checked_dim(embedding_dim)

    def build(self, num_ids, embedding_dim):
        self.bucket_of_id = self.add_weight(
            shape=(num_ids, self.num_hashes),
            dtype="int32",
            name="bucket_of_id",
            trainable=False,
            initializer="zeros",
        )
        self.add_embedding(self.num_buckets, self.embedding_dim or embedding_dim)

    @property
    def weights_by_id(self):
        return (self.bucket_of_id,)

    def adapt(self, values, vocabulary):
        assert vocabulary is not None
        texts = [vocabulary.UNKNOWN, *vocabulary.known_values.tolist()]
        hashes = range(self.num_hashes)
        buckets = [[bucket_of(text, self.num_buckets, salt) for salt in hashes] for text in texts]
        self.bucket_of_id.assign(np.array(buckets, "int32"))

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of ids, `[batch]`."""
        assert self.embedding is not None
        buckets = ops.take(ops.convert_to_tensor(self.bucket_of_id), values, axis=0)
        return ops.sum(self.embedding(buckets), axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "num_buckets": self.num_buckets,
            "num_hashes": self.num_hashes,
            "embedding_dim": self.embedding_dim,
        }


def bucket_of(text: str, num_buckets: int, salt: int = 0) -> int:
    """Returns the bucket of a text: a 64-bit BLAKE2b, salted, modulo `num_buckets`.

    >>> bucket_of("85711", 1000), bucket_of("85711", 1000, salt=1)
    (944, 237)
    """
    key = salt.to_bytes(8, "little")
    digest = hashlib.blake2b(text.encode(), digest_size=8, salt=key).digest()
    return int.from_bytes(digest, "little") % num_buckets
