"""The conversion head of a chain against heads trained on clicks alone, where the truth is known.

    python tests/benchmarks/experiments/funnel.py [--seeds 10]

Writes its section of docs/experiments.md. About two minutes on two quiet cores.
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from page import pretty, write_section
from seeds import (
    Progress,
    excess_log_loss,
    parse_options,
    share_compilations,
    train_until_best,
)
from synthetic_rows import Funnel, selection_funnel

import mtframework as mtf
from mtframework.evaluation.interval import mean_interval
from mtframework.training.train import batches_of

DIM = 10
FEATURES = [f"x{number}" for number in range(DIM)]
TEST_ROWS = 20_000
FIRST_SEED = 100  # those below were for pilot runs, by which the sizes were chosen
CHAIN, SHARED, ALONE = "entire space", "clicks alone, shared tower", "clicks alone"
SCHEMA = mtf.Schema(
    columns=(
        mtf.Column("visitor", "categorical", "query"),
        mtf.Column("page", "categorical", "candidate"),
        *(mtf.Column(name, "numeric", "query") for name in FEATURES),
        mtf.Column("click", "numeric", "label"),
        mtf.Column("buy", "numeric", "label"),
        mtf.Column("buy_of_clicked", "numeric", "label"),
    ),
    query_key="visitor",
    candidate_key="page",
)
ERRORS = ("absolute", "log_loss")


def make_tasks(method: str) -> list[mtf.Task]:
    """Returns the tasks of a method, the one that estimates P(buy | click) last."""
    click = mtf.BinaryFeedback("click", label="click")
    if method == CHAIN:
        return [click, mtf.BinaryFeedback("buy", label="buy", parent="click")]
    buy = mtf.BinaryFeedback("buy", label="buy_of_clicked")  # missing where nobody clicked
    return [click, buy] if method == SHARED else [buy]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="training impressions")
    parser.add_argument("--max-epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=1_000)
    options = parse_options(parser, seeds=10)
    methods = (CHAIN, SHARED, ALONE)
    compiled = share_compilations()
    errors = {method: {each: [] for each in ERRORS} for method in methods}
    progress = Progress(len(methods) * options.seeds)
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        dataset, truth = draw(options.rows, seed)
        for method in methods:
            estimate, epochs = train_and_predict(method, dataset, seed, options)
            absolute = float(np.mean(np.abs(estimate - truth)))
            errors[method]["absolute"].append(absolute)
            errors[method]["log_loss"].append(excess_log_loss(estimate, truth))
            progress.tell(
                f"seed {seed}, {method}: mean absolute error {absolute:.4f} after {epochs} epochs"
            )
    compiled.cleanup()
    lines = report(errors, options)
    print("\n".join(lines))
    if not options.dry:
        results = {"options": vars(options), "errors": errors}
        write_section("funnel", "Conversion over the entire space", lines, results)


def draw(num_rows: int, seed: int) -> tuple[mtf.Dataset, np.ndarray]:
    """Returns the data set, and the true P(buy | click) of each test row."""
    num_validation = num_rows // 4
    funnel = selection_funnel(num_rows + num_validation + TEST_ROWS, DIM, seed)
    train = slice(num_rows)
    validation, test = slice(num_rows, num_rows + num_validation), slice(-TEST_ROWS, None)
    dataset = mtf.Dataset(
        schema=SCHEMA,
        train=columns_of(funnel, train),
        validation=columns_of(funnel, validation),
        test=columns_of(funnel, test),
        catalogue={"page": np.array(["the page"])},
        name="the funnel",
    )
    return dataset, funnel.conversion_probability[test]


def columns_of(funnel: Funnel, rows: slice) -> dict[str, np.ndarray]:
    click, buy = funnel.click[rows], funnel.buy[rows]
    return {
        "visitor": np.full(len(click), "somebody"),
        "page": np.full(len(click), "the page"),
        **{name: funnel.features[rows, number] for number, name in enumerate(FEATURES)},
        "click": click,
        "buy": buy,
        "buy_of_clicked": np.where(click == 1, buy, np.nan).astype("float32"),
    }


def train_and_predict(method: str, dataset: mtf.Dataset, seed: int, options):
    """Returns the method's P(buy | click) of each test row, and how many epochs it trained."""
    keras.utils.set_random_seed(seed)
    tower = mtf.Tower("impression", FEATURES, embedding_dim=16, hidden_units=[64])
    model = mtf.MultiTaskModel([tower], make_tasks(method))
    epochs = train_until_best(model, dataset, "buy", 5, seed, options)
    scores = model.predict(batches_of(model, dataset, "test", 5_000, shuffle=False), verbose=0)
    name = "buy_given_click" if method == CHAIN else "buy"
    return scores[name].astype("float64"), epochs


def report(errors, options) -> list[str]:
    chain = errors[CHAIN]
    others = [method for method in errors if method != CHAIN]
    differences = {
        method: {each: np.subtract(errors[method][each], chain[each]).tolist() for each in ERRORS}
        for method in others
    }
    return [
        f"`selection_funnel` draws {options.rows:,} training impressions, a quarter as many for "
        f"early stopping, and {TEST_ROWS:,} test impressions, with {DIM} features each; one in ten "
        "is clicked. The estimate of P(buy | click) is compared with the true probability on all "
        "test impressions, clicked or not. Every method is a tower of 64 and 16 units with linear "
        f"heads, trained by Adam at {options.learning_rate:g} in batches of "
        f"{options.batch_size}, and stops when the loss of its conversion head on the validation "
        f"rows has not improved for five epochs. {options.seeds} seeds, each with new data and "
        "new weights, the same data for all methods.",
        "",
        f"- **{CHAIN}**: `click`, and `buy` with `parent='click'`, with the loss of "
        "P(click) · P(buy | click) on all impressions.",
        f"- **{SHARED}**: `click`, and `buy` with its label missing where nobody clicked. Only "
        "the loss of the conversion head differs from the chain.",
        f"- **{ALONE}**: only that `buy`, with its own tower.",
        "",
        "| method | mean absolute error | log loss beyond the truth's | absolute error − "
        f"{CHAIN} | log loss − {CHAIN} |",
        "|---|---|---|---|---|",
        f"| {CHAIN} | {pretty(chain['absolute'])} | {pretty(chain['log_loss'])} | | |",
        *(
            f"| {method} | {pretty(errors[method]['absolute'])} | "
            f"{pretty(errors[method]['log_loss'])} | "
            f"{pretty(differences[method]['absolute'], sign=True)} | "
            f"{pretty(differences[method]['log_loss'], sign=True)} |"
            for method in others
        ),
        "",
        *(
            f"- Against {method}, the mean absolute error of {CHAIN} "
            f"{finding(differences[method]['absolute'])}, and its log loss "
            f"{finding(differences[method]['log_loss'])}."
            for method in others
        ),
        "",
        "If clicks depend only on the features, as here, clicks alone are not a wrong sample to "
        "learn P(buy | click) from, but a small and biased one.",
        "",
        "The chain is Ma et al. 2018, Entire Space Multi-Task Model. Repeat with "
        "`python tests/benchmarks/experiments/funnel.py`.",
    ]


def finding(differences) -> str:
    found = mean_interval(differences)
    if not found.excludes_zero:
        return "cannot be told apart"
    return "is lower" if found.mean > 0 else "is higher"


if __name__ == "__main__":
    main()
