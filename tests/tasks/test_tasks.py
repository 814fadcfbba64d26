"""Tasks by hand: losses a row, masks, scores."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import mtframework as mtf
from mtframework.errors import ModelError


def numpy(tensor) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def column(*values):
    return ops.convert_to_tensor(np.array(values, "float32"))


@pytest.mark.parametrize(
    ("loss", "label", "prediction", "expected"),
    [
        ("mean_squared_error", 4.0, 2.5, 1.5**2),
        ("mean_absolute_error", 4.0, 2.5, 1.5),
        ("huber", 4.0, 2.5, 1.5 - 0.5),
        ("binary_crossentropy", 1.0, 0.8, -math.log(0.8)),
        ("poisson", 2.0, 3.0, 3.0 - 2.0 * math.log(3.0)),
    ],
)
def test_ranking_loss_is_the_keras_loss_of_one_number(loss, label, prediction, expected):
    activation = "sigmoid" if loss == "binary_crossentropy" else None
    task = mtf.Ranking("r", label="x", loss=loss, activation=activation)
    losses = task.example_losses(column(label, label), column(prediction, prediction), {})
    np.testing.assert_allclose(numpy(losses), [expected, expected], rtol=1e-5)


def test_ranking_applies_its_activation():
    task = mtf.Ranking("r", label="x", activation="sigmoid")
    task.build({"representation": (None, 2)})
    inputs = {"representation": np.random.default_rng(0).normal(size=(50, 2)).astype("float32")}
    assert ((numpy(task(inputs)) > 0) & (numpy(task(inputs)) < 1)).all()


def test_binary_feedback_loss_and_score():
    task = mtf.BinaryFeedback("b", label="x", positive_from=4)
    losses = numpy(task.example_losses(column(5, 4, 3), column(0.7, -40.0, -0.7), {}))
    expected = [math.log(1 + math.exp(-0.7)), 40.0, math.log(1 + math.exp(-0.7))]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(numpy(task.scores(column(0.0, 100.0))), [0.5, 1.0])


@pytest.mark.parametrize(
    ("arguments", "valid"),
    [
        ({"label": "x"}, [True, False, True, True]),
        ({"label": "x", "missing_label": -1}, [True, False, False, True]),
    ],
)
def test_missing_labels_do_not_count(arguments, valid):
    labels = column(2.0, np.nan, -1.0, 0.0)
    assert numpy(mtf.Ranking("r", **arguments).valid_rows(labels)).tolist() == valid


def test_positive_from_masks_queries():
    task = mtf.Retrieval("w", label="x", positive_from=4)
    assert numpy(task.valid_rows(column(4, 3, np.nan, 5))).tolist() == [True, False, False, True]


# Three rows: candidate 0, 1 and 0 again. All logits by hand.
QUERIES = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], "float32")
TABLE = np.array([[2.0, 0.0], [0.0, 3.0]], "float32")
IDS = np.array([0, 1, 0], "int32")


def shapes(num_candidates=2):
    sizes = {"query": (None, 2), "candidate": (None, 2)}
    return {"towers": sizes, "num_ids": {"candidate": num_candidates}}


def retrieval_losses(task, valid=None, query_ids=(0, 1, 2), **more):
    ids = {"query": ops.convert_to_tensor(np.array(query_ids, "int32"))}
    ids["candidate"] = ops.convert_to_tensor(IDS)
    weights = np.ones(3, "float32") if valid is None else np.array(valid, "float32")
    task.build(shapes())
    inputs = {
        "towers": {
            "query": ops.convert_to_tensor(QUERIES),
            "candidate": ops.convert_to_tensor(TABLE[IDS]),
        },
        "ids": ids,
        "num_ids": {"candidate": 2},
        "catalogue": {"candidate": ops.convert_to_tensor(TABLE)},
        "catalogue_rows": ops.convert_to_tensor(np.arange(2, dtype="int32")),
        "valid": None if valid is None else ops.convert_to_tensor(np.array(valid)),
        "row_weights": ops.convert_to_tensor(weights),
        **more,
    }
    return numpy(task.example_losses(None, None, inputs))


def softmax_loss(positive, *others):
    return math.log(sum(math.exp(logit) for logit in (positive, *others))) - positive


def test_retrieval_among_the_batch():
    losses = retrieval_losses(mtf.Retrieval("w", logq=False))
    expected = [softmax_loss(2, 0, 2), softmax_loss(3, 0, 0), softmax_loss(2, 3, 2)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_retrieval_without_accidental_hits():
    losses = retrieval_losses(mtf.Retrieval("w", logq=False, remove_accidental_hits=True))
    expected = [softmax_loss(2, 0), softmax_loss(3, 0, 0), softmax_loss(2, 3)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_retrieval_among_the_catalogue():
    losses = retrieval_losses(mtf.Retrieval("w", negatives="catalogue", temperature=0.5))
    expected = [softmax_loss(4, 0), softmax_loss(6, 0), softmax_loss(4, 6)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)


def test_retrieval_removes_the_other_positives_of_a_query():
    task = mtf.Retrieval("w", logq=False, remove_known_positives=True)
    losses = retrieval_losses(task, query_ids=(0, 5, 5))
    # Query 5 has candidate 1 in row 1 and candidate 0 in row 2; row 0 holds candidate 0 as well.
    expected = [softmax_loss(2, 0, 2), softmax_loss(3), softmax_loss(2, 2)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)


def test_rows_below_positive_from_stay_negatives_unless_told_otherwise():
    task = mtf.Retrieval("w", label="x", positive_from=4, logq=False)
    assert retrieval_losses(task, valid=[True, False, True])[2] == pytest.approx(
        softmax_loss(2, 3, 2), rel=1e-5
    )
    task = mtf.Retrieval("w", label="x", positive_from=4, logq=False, negative_rows="positives")
    assert retrieval_losses(task, valid=[True, False, True])[2] == pytest.approx(
        softmax_loss(2, 2), rel=1e-5
    )


def test_logq_counts_the_candidates_of_the_training_rows():
    task = mtf.Retrieval("w")
    task.build(shapes(num_candidates=4))
    task.adapt({}, {"candidate": np.array([1, 1, 1, 2, 2])})
    # Candidates 0 and 3 never occur, and count as one each.
    np.testing.assert_allclose(numpy(task.sampling_probability), np.array([1, 3, 2, 1]) / 7)


def test_logq_counts_positives_alone_where_only_they_are_negatives():
    task = mtf.Retrieval("w", label="x", positive_from=4, negative_rows="positives")
    task.build(shapes())
    labels = np.array([5, 4, 1, 4], "float32")
    task.adapt({"x": labels}, {"candidate": np.array([0, 0, 1, 1])})
    np.testing.assert_allclose(numpy(task.sampling_probability), np.array([2, 1]) / 3)


def test_logq_raises_rare_candidates():
    task = mtf.Retrieval("w")
    task.build(shapes())
    task.adapt({}, {"candidate": np.array([0, 0, 0, 1])})
    built = task.sampling_probability
    task.build = lambda input_shape: None
    losses = retrieval_losses(task)
    rare, popular = math.log(1 / 4), math.log(3 / 4)
    assert numpy(built).tolist() == [0.75, 0.25]
    expected = softmax_loss(3 - rare, 0 - popular, 0 - popular)
    assert losses[1] == pytest.approx(expected, rel=1e-5)


def test_uniform_negatives_join_those_of_the_batch_with_the_mixture_corrected():
    task = mtf.Retrieval("w", num_uniform_negatives=2)
    task.build(shapes())
    task.adapt({}, {"candidate": np.array([0, 0, 0, 1])})
    task.build = lambda input_shape: None
    sampled = ops.convert_to_tensor(np.array([1, 0], "int32"))
    losses = retrieval_losses(
        task,
        sampled=(sampled, ops.convert_to_tensor(TABLE[[1, 0]])),
        num_candidates=2,
    )
    # 3 rows draw candidates as often as they occur, 2 draws take each of the 2 alike.
    popular, rare = (math.log((3 * share + 2 / 2) / 5) for share in (3 / 4, 1 / 4))
    expected = softmax_loss(3 - rare, 0 - popular, 0 - popular, 3 - rare, 0 - popular)
    assert losses[1] == pytest.approx(expected, rel=1e-5)


def test_the_mixture_counts_the_rows_of_the_batch_that_are_negatives():
    task = mtf.Retrieval(
        "w", label="x", positive_from=4, negative_rows="positives", num_uniform_negatives=2
    )
    task.build(shapes())
    labels = np.array([5, 4, 1, 4], "float32")
    task.adapt({"x": labels}, {"candidate": np.array([0, 0, 1, 1])})
    task.build = lambda input_shape: None
    losses = retrieval_losses(
        task,
        valid=[False, True, True],
        sampled=(
            ops.convert_to_tensor(np.array([1, 0], "int32")),
            ops.convert_to_tensor(TABLE[[1, 0]]),
        ),
        num_candidates=2,
    )
    # 2 of the 3 rows are positives, and give the batch's negatives; 2 draws take each of 2 alike.
    popular, rare = (math.log((2 * share + 2 / 2) / 4) for share in (2 / 3, 1 / 3))
    expected = softmax_loss(3 - rare, 0 - popular, 3 - rare, 0 - popular)
    assert losses[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "task",
    [
        mtf.Ranking("r", label="x", hidden_units=[3], loss="huber", sample_weight="w"),
        mtf.BinaryFeedback("b", label="x", positive_from=3, loss_weight=0.5, missing_label=-1),
        mtf.Retrieval("w", label="x", query="a", candidate="b", positive_from=2, temperature=0.1),
    ],
)
def test_configuration_round_trips(task):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(task))
    assert again.get_config() == task.get_config()
    assert type(again) is type(task)


def test_binary_label_is_checked():
    task = mtf.BinaryFeedback("b", label="x")
    task.adapt({"x": np.array([0, 1, np.nan], "float32")}, {})
    with pytest.raises(ModelError, match="holds 3"):
        task.adapt({"x": np.array([0, 1, 3], "float32")}, {})


def test_ranking_multiplies_every_pair_of_towers():
    task = mtf.Ranking("rating", label="stars", hidden_units=[], bilinear=True)
    shapes = {"a": (None, 2), "b": (None, 3), "c": (None, 2)}
    task.build({"representation": (None, 7), "towers": shapes})
    draw = np.random.default_rng(0)
    towers = {name: draw.normal(size=(4, shape[1])) for name, shape in shapes.items()}
    representation = np.concatenate(list(towers.values()), axis=1)
    found = ops.convert_to_numpy(task({"towers": towers, "representation": representation}))
    kernel, bias, ab, ac, bc = map(numpy, [*task.head.trainable_variables, *task.pairs.values()])
    expected = (representation @ kernel + bias)[:, 0]
    for (first, second), matrix in zip(("ab", "ac", "bc"), (ab, ac, bc), strict=True):
        expected += np.einsum("ni,ij,nj->n", towers[first], matrix, towers[second])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_ranking_starts_at_the_mean_of_the_labels_that_count():
    task = mtf.Ranking("rating", label="stars", missing_label=-1, start_at_mean=True)
    task.build({"representation": (None, 2), "towers": {}})
    task.adapt({"stars": np.array([1, np.nan, 4, -1, 4], "float32")}, {})
    found = task({"representation": np.zeros((1, 2), "float32"), "towers": {}})
    np.testing.assert_allclose(numpy(found), [3.0])


def test_a_probability_cannot_start_at_a_mean():
    with pytest.raises(ModelError, match="start_at_mean = True and activation = 'sigmoid'"):
        mtf.Ranking("click", label="clicked", activation="sigmoid", start_at_mean=True)
