"""Several categories of a row together: what holds in one city at one hour."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from mtframework.errors import ModelError
from mtframework.features.feature import Feature
from mtframework.features.hashed import bucket_of
from mtframework.part import Policy
from mtframework.registry import register_feature


@register_feature("crossed")
class Crossed(Feature):
    """The embedding of the bucket that a row's categories in two or more columns have together.

        bucket = (hash_1(text_1) + hash_2(text_2) + …) modulo num_buckets

    with a hash of each column's own. Each combination of categories is a category of its own,
    which learns what neither of them says alone; two combinations fall into one bucket with a
    probability of `1 / num_buckets`. Hashes depend on the texts alone, on every machine. A category
    never seen in training is hashed as `"[UNK]"`.

    Args:
        columns: Two or more categorical columns, which describe one side: the query or the
            candidate, or the event.
        num_buckets: How many embeddings there are, a few times as many as the combinations that
            matter; from 2 to 2^24.
        embedding_dim: The size of the embedding; None for the tower's.
        dtype: The dtype policy that it computes under; None for Keras's global one.

    Source: tabulation hashing, Carter and Wegman 1979, "Universal classes of hash functions";
    crossed features after Cheng et al. 2016, "Wide & deep learning for recommender systems".

    Example:

    >>> from mtframework.schema.vocabulary import Vocabulary
    >>> cities, devices = Vocabulary(["Bonn", "Rome"]), Vocabulary(["phone"])
    >>> crossed = Crossed(["city", "device"], num_buckets=100, embedding_dim=3)
    >>> crossed.build((cities.size, devices.size), 32)
    >>> crossed.adapt((np.array([1, 2]), np.array([1, 1])), (cities, devices))
    >>> tuple(crossed((np.array([1, 2, 0]), np.array([1, 1, 1]))).shape)
    (3, 3)
    """

    reads = ("categorical",)

    def __init__(
        self,
        columns: Sequence[str] = (),
        num_buckets: int = 10_000,
        embedding_dim: int | None = None,
        dtype: Policy = None,
    ):
        names = [] if isinstance(columns, str) else list(columns)
        wrong = len(set(names)) < max(2, len(names)) or not all(
            isinstance(name, str) and name for name in names
        )
        super().__init__("crossed" if wrong else "_".join(names), dtype)
        if wrong:
            raise self.wrong("columns", columns, "The names of two or more columns.")
        self.column, self._columns = names[0], tuple(names)
        self.num_buckets = self.whole_number("num_buckets", num_buckets, 2)
        if num_buckets > 1 << 24:  # sums of hashes stay within int32
            raise self.wrong("num_buckets", num_buckets, "A whole number from 2 to 2^24.")
        self.embedding_dim = self.checked_dim(embedding_dim)

    @property
    def columns(self):
        return self._columns

    def check_columns(self, columns):
        super().check_columns(columns)
        sides = {column.role: column.name for column in columns if column.role != "context"}
        if len(sides) > 1:
            raise ModelError(
                f'A Crossed reads "{sides["query"]}", which describes queries, and '
                f'"{sides["candidate"]}", which describes candidates.',
                "Columns of one side.",
                "Let the tasks' heads cross the two sides, or declare what is of the single event "
                "as context.",
            )

    def build(self, num_ids, embedding_dim):
        self.hash_of_id = [
            self.add_weight(
                shape=(size,),
                dtype="int32",
                name=f"hash_of_id_{place}",
                trainable=False,
                initializer="zeros",
            )
            for place, size in enumerate(num_ids)
        ]
        self.add_embedding(self.num_buckets, self.embedding_dim or embedding_dim)

    def weights_by_column(self):
        return {name: [weight] for name, weight in zip(self.columns, self.hash_of_id, strict=True)}

    def adapt(self, values, vocabulary):
        for place, (weight, each) in enumerate(zip(self.hash_of_id, vocabulary, strict=True)):
            texts = [each.UNKNOWN, *each.known_values.tolist()]
            hashes = [bucket_of(text, self.num_buckets, place) for text in texts]
            weight.assign(np.array(hashes, "int32"))

    def buckets(self, values):
        """Returns the buckets, `[batch]` int32, of each column's ids, `[batch]`."""
        hashes = [
            ops.take(ops.convert_to_tensor(weight), ids, axis=0)
            for weight, ids in zip(self.hash_of_id, values, strict=True)
        ]
        return ops.mod(sum(hashes), self.num_buckets)

    def call(self, values):
        """Returns the embeddings, `[batch, units]`, of each column's ids, `[batch]`."""
        assert self.embedding is not None
        return self.embedding(self.buckets(values))

    def get_config(self):
        config = super().get_config()
        del config["column"]
        return {
            **config,
            "columns": list(self.columns),
            "num_buckets": self.num_buckets,
            "embedding_dim": self.embedding_dim,
        }
