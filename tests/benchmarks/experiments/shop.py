"""What clicks and carts teach about purchases, where the true probability of a purchase is known.

    python tests/benchmarks/experiments/shop.py [--seeds 20]

Writes its section of docs/experiments.md. Some two minutes on two quiet cores.
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

import mtframework as mtf
from mtframework.data.sources.synthetic_shop import Shop, SyntheticShop
from mtframework.evaluation.interval import mean_interval

K = 10
FIRST_SEED = 100  # those below were for pilot runs, by which the sizes were chosen
ALONE, SHARED, CHAIN = "purchases alone", "three heads", "chain"
QUALITIES = ("found", "log_loss")


def make_tasks(method: str) -> list[mtf.Task]:
    """Returns the tasks of a method, the one of purchases last."""
    events = ("purchase",) if method == ALONE else ("click", "cart", "purchase")
    parents = (None, *events) if method == CHAIN else (None, None, None)
    return [
        mtf.BinaryFeedback(event, label=event, hidden_units=[32], parent=parent)
        for event, parent in zip(events, parents, strict=False)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--max-epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=500)
    options = parse_options(parser, seeds=20)
    methods = (ALONE, SHARED, CHAIN)
    compiled = share_compilations()
    results = {method: {each: [] for each in QUALITIES} for method in methods}
    shares = []
    progress = Progress(len(methods) * options.seeds)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        source = SyntheticShop(validation_fraction=0.2, seed=seed)
        shop, dataset = source.draw(), source.load(print)
        shares.append([float(dataset.train[event].mean()) for event in ("click", "purchase")])
        for method in methods:
            estimate, epochs = train_and_predict(method, dataset, shop, seed, options)
            quality = judge(estimate, shop, dataset)
            for each in QUALITIES:
                results[method][each].append(quality[each])
            progress.tell(
                f"seed {seed}, {method}: {quality['found']:.3f} of the best, log loss "
                f"{quality['log_loss']:.4f} after {epochs} epochs"
            )
    compiled.cleanup()
    lines = report(results, np.mean(shares, axis=0), options)
    print("\n".join(lines))
    if not options.dry:
        kept = {"options": vars(options), "results": results}
        write_section("shop", "Sparse purchases beside abundant clicks", lines, kept)


def train_and_predict(method: str, dataset: mtf.Dataset, shop: Shop, seed: int, options):
    """Returns P(purchase) of every customer and product, and how many epochs were trained."""
    keras.utils.set_random_seed(seed)
    model = mtf.MultiTaskModel(
        [
            mtf.Tower("customer", ["customer", "segment"], embedding_dim=16),
            mtf.Tower("product", ["product", "shelf", mtf.Normalized("price")], embedding_dim=16),
        ],
        make_tasks(method),
    )
    epochs = train_until_best(model, dataset, "purchase", 4, seed, options)
    num_customers, num_products = shop.probability["purchase"].shape
    customer, product = np.divmod(np.arange(num_customers * num_products), num_products)
    pairs = {name: values[customer] for name, values in shop.customers.items()}
    pairs |= {name: values[product] for name, values in shop.products.items()}
    scores = model.predict(model.encode(pairs), batch_size=5_000, verbose=0)["purchase"]
    return scores.astype("float64").reshape(num_customers, num_products), epochs


def judge(estimate: np.ndarray, shop: Shop, dataset: mtf.Dataset) -> dict[str, float]:
    """Returns how good the recommended products truly are, and how far the estimates are off.

    `found` is the true number of purchases that the K products with the highest estimates lead to,
    as a share of what the truly best K would; products that the customer has viewed in the training
    rows are left out of both. `log_loss` is that beyond the truth's own, over all pairs.
    """
    truth = shop.probability["purchase"]
    new = np.ones(truth.shape, bool)
    who = np.searchsorted(shop.customers["customer"], dataset.train["customer"])
    what = np.searchsorted(shop.products["product"], dataset.train["product"])
    new[who, what] = False
    chosen, best = (
        np.take_along_axis(
            truth, np.argsort(-np.where(new, score, -1), axis=1)[:, :K], axis=1
        ).sum()
        for score in (estimate, truth)
    )
    return {"found": float(chosen / best), "log_loss": excess_log_loss(estimate, truth)}


def report(results, shares, options) -> list[str]:
    differences = {
        method: {
            each: np.subtract(results[method][each], results[ALONE][each]).tolist()
            for each in QUALITIES
        }
        for method in (SHARED, CHAIN)
    }
    return [
        f"`SyntheticShop` draws 300 customers who view 40 of 150 products each; {shares[0]:.1%} of "
        f"the training rows were clicked and {shares[1]:.1%} bought. Each method has a tower of "
        "customers and one of products with 16 units, a head of 32 units for each task, and is "
        f"trained by Adam at {options.learning_rate:g} in batches of {options.batch_size} until "
        "the validation loss of purchases has not improved for four epochs. The models are "
        f"judged by the truth: the expected purchases of the {K} products recommended to each "
        f"customer, as a share of those of the truly best {K}, and the log loss of the estimated "
        "P(purchase) beyond that of the true one, over all customers and products. "
        f"{options.seeds} seeds, each with a new shop and new weights, the same shop for all.",
        "",
        f"- **{ALONE}**: `purchase` and no other task.",
        f"- **{SHARED}**: `click`, `cart` and `purchase`, each a head over the same towers.",
        f"- **{CHAIN}**: the same, `click` → `cart` → `purchase` by `parent`.",
        "",
        "| method | share of the best purchases | log loss beyond the truth's | share − "
        f"{ALONE} | log loss − {ALONE} |",
        "|---|---|---|---|---|",
        f"| {ALONE} | {pretty(results[ALONE]['found'], 3)} | "
        f"{pretty(results[ALONE]['log_loss'])} | | |",
        *(
            f"| {method} | {pretty(results[method]['found'], 3)} | "
            f"{pretty(results[method]['log_loss'])} | "
            f"{pretty(differences[method]['found'], 3, sign=True)} | "
            f"{pretty(differences[method]['log_loss'], sign=True)} |"
            for method in (SHARED, CHAIN)
        ),
        "",
        *(
            f"- Against {ALONE}, {method} "
            f"{finding(differences[method]['found'], 'finds more', 'finds less')}, and its "
            f"log loss {finding(differences[method]['log_loss'], 'is higher', 'is lower')}."
            for method in (SHARED, CHAIN)
        ),
        "",
        "All steps have a common cause here, which is the case that sharing is designed for. "
        "Repeat with `python tests/benchmarks/experiments/shop.py`.",
    ]


def finding(differences, higher: str, lower: str) -> str:
    found = mean_interval(differences)
    if not found.excludes_zero:
        return "cannot be told apart"
    return higher if found.mean > 0 else lower


if __name__ == "__main__":
    main()
