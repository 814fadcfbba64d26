import pytest

from mtframework.losses.chunked_softmax import chunk_rows


@pytest.mark.parametrize(
    ("batch", "num_columns", "dim"),
    [(8192, 1664, 32), (8192, 8192, 64), (65536, 65536, 128), (4096, 1_000_000, 64), (3, 10**8, 8)],
)
def test_a_chunk_of_logits_stays_of_the_order_of_the_embeddings(batch, num_columns, dim):
    logits = chunk_rows(batch, num_columns, dim) * num_columns
    embeddings = (batch + num_columns) * dim
    assert logits <= max(4 * embeddings + num_columns, 2 * 2**20)
    assert logits <= max(2**27 + num_columns, num_columns)


def test_small_batches_are_taken_at_once():
    assert chunk_rows(256, 1664, 32) == 256
    assert chunk_rows(0, 5, 2) == 0
