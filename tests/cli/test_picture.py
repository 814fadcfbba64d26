"""The model as a picture: what is in it, and that it counts as Keras does."""

import io
import math

import pytest
from rich.console import Console
from shop import make_shop, make_towers

import mtframework as mtf
from mtframework import config
from mtframework.balancing.pcgrad import ProjectConflicting
from mtframework.balancing.uncertainty import UncertaintyWeights
from mtframework.cli.parameter_counts import Parameters, count_parameters
from mtframework.cli.picture import picture, picture_of
from mtframework.sharing.mmoe import MMoE


def make_model() -> mtf.MultiTaskModel:
    """A model with one of everything: 16 numbers out of the towers, 8 out of the experts."""
    return mtf.MultiTaskModel(
        towers=[
            mtf.Tower("shopper", ["shopper", "age"], embedding_dim=8, hidden_units=[6]),
            make_towers()[1],
        ],
        tasks=[
            mtf.BinaryFeedback("buy", label="bought", parent="like", hidden_units=[]),
            mtf.Ranking("rating", label="stars", hidden_units=[4], loss_weight=0.5),
            mtf.BinaryFeedback("like", label="stars", positive_from=4, hidden_units=[]),
            mtf.Retrieval("find", query="shopper", candidate="product"),
        ],
        sharing=MMoE(num_experts=2, expert_units=[8]),
        loss_balancer=UncertaintyWeights(),
        gradient_balancer=ProjectConflicting(),
    )


@pytest.fixture(scope="module")
def counted():
    model = make_model()
    return model, count_parameters(model, make_model(), make_shop().schema)


def test_parameters_are_those_of_the_arithmetic(counted):
    assert counted[1] == {
        # An embedding of 8 a shopper; 8 + 1 numbers to 6, and those to 8.
        "tower/shopper": Parameters(9 * 6 + 6 + 6 * 8 + 8, {"shopper": 8}),
        "tower/product": Parameters(0, {"product": 8}),
        # Two experts from 16 to 8; four tasks' gates from 16 to 2.
        "sharing": Parameters(2 * (16 * 8 + 8) + 4 * (16 * 2 + 2)),
        "task/buy": Parameters(8 + 1),
        "task/rating": Parameters(8 * 4 + 4 + 4 + 1),
        "task/like": Parameters(8 + 1),
        "task/find": Parameters(8 * 8 + 8),  # from what the sharing layer makes, to the embedding
        "loss_balancer": Parameters(4),  # a logarithm a task
        "gradient_balancer": Parameters(0),
    }


def test_with_the_vocabularies_of_data_they_are_those_of_the_adapted_model(counted):
    adapted = make_model()
    adapted.adapt(make_shop())
    total = sum(counted[1].values(), Parameters())
    vocabularies = {"shopper": 20 + 1, "product": 30 + 1}
    assert total.per_value.keys() == vocabularies.keys()
    whole = total.known + sum(total.per_value[name] * vocabularies[name] for name in vocabularies)
    variables = [
        # The junction keeps what it measures in variables that predict nothing.
        each
        for each in adapted.trainable_variables
        if not each.path.startswith("junction")
    ]
    assert whole == sum(math.prod(each.shape) for each in variables)


def drawn(renderable, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(renderable)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 160])
def test_picture_fits_80_columns_and_says_it_all(counted, width):
    lines = drawn(picture(*counted), width)
    assert max(map(len, lines)) <= 80
    text = " ".join(word for line in lines for word in line.strip("│ ").split())
    for part in (
        "shopper shopper, age [6] → [8] 116 + 8 × shopper",
        "product product [8] 8 × product",
        "│ [16], a copy for each task; gradients by ProjectConflicting",
        "MMoE num_experts 2, expert_units [8] 408",
        "│ [8] for each task",
        "rating Ranking stars [4] 0.5 41",
        # A child stands below its parent, whatever the order of the list.
        "like BinaryFeedback stars ≥ 4 linear 1 9 └ buy BinaryFeedback bought linear 1 9",
        "find Retrieval every row shopper · product 1 72",
        "UncertaintyWeights 4",
        "1 · buy, 0.5 · rating, 1 · like, 1 · find",
        "659 + 8 × shopper + 8 × product parameters",
    ):
        assert part.lstrip("│ ") in text, f"{part} is not in\n" + "\n".join(lines)


def test_show_draws_the_experiment(run, folder):
    shown = run("show", "joint.gin").stdout
    assert "1 · stars + 1 · buy" in shown
    # 4 + 1 numbers to 4 in the shopper's tower, 8 to 64 to 1 in the rating's head.
    assert "665 + 4 × shopper + 4 × product parameters" in shown


def test_show_draws_nothing_that_cannot_be_made(run, folder):
    (folder / "part.gin").write_text("Tower.embedding_dim = 2\n")
    (folder / "bad.gin").write_text("include 'joint.gin'\nstars/Ranking.los = 1\n")
    for name in ("part.gin", "bad.gin"):
        shown = run("show", name)
        assert shown.exit_code == 0, shown.output
        assert "total loss" not in shown.stdout


def test_a_part_that_cannot_be_built_is_drawn_without_numbers(folder):
    loaded = config.load("joint.gin", ["product/Tower.embedding_dim = 5"])
    text = " ".join(" ".join(drawn(picture_of(loaded.build), 80)).split())
    assert 'The parameters cannot be counted: ModelError: The task "buy" compares' in text
    assert "[5]" in text


def test_a_tower_that_reads_events_is_counted_and_drawn():
    def make() -> mtf.MultiTaskModel:
        shopper = mtf.SequenceTower(
            "shopper",
            history="product",
            key="shopper",
            encoder=mtf.DecayedMean(decay=0.9),
            event_features=["stars"],  # a label, which no tower reads of the row itself
            embedding_dim=8,
        )
        return mtf.MultiTaskModel(
            [shopper, make_towers()[1]], [mtf.Ranking("rating", label="stars")]
        )

    counted = count_parameters(model := make(), make(), make_shop().schema)
    # A number of an event and whether it is missing, to 8; a decay and a start for each of the 8.
    assert counted["tower/shopper"] == Parameters(2 * 8 + 8 + 8, {"product": 8})
    text = " ".join(word for line in drawn(picture(model, {}), 80) for word in line.split())
    assert "encoder DecayedMean" in text


def test_every_kind_of_tower_is_drawn():
    history = mtf.HistoryTower("shopper", "product", "shopper", ["age"], embedding_dim=8)
    model = mtf.MultiTaskModel([history, make_towers()[1]], [mtf.Ranking("rating", label="stars")])
    text = " ".join(word for line in drawn(picture(model, {}), 80) for word in line.split())
    assert "shopper age; key shopper [8], history product" in text


def test_an_encoder_is_drawn_with_its_settings():
    encoder = mtf.DecayedMean(decay=0.25)
    reader = mtf.SequenceTower("shopper", "product", "shopper", encoder, event_features=["bought"])
    model = mtf.MultiTaskModel([reader, make_towers()[1]], [mtf.Ranking("rating", label="stars")])
    text = " ".join(word for line in drawn(picture(model, {}), 80) for word in line.split())
    assert "encoder DecayedMean(decay 0.25)" in text.replace("│ ", "")
