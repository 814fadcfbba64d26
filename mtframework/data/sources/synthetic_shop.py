"""A shop drawn from formulas: views, clicks, carts, purchases, returns, reviews, and the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtframework.arguments import is_whole_number
from mtframework.data.dataset import Dataset, DatasetSource
from mtframework.data.splits import check_held_out_share, hold_out_latest
from mtframework.errors import DataError
from mtframework.files import write_whole
from mtframework.registry import register_dataset
from mtframework.schema.schema import Column, Schema

EVENTS = ("click", "cart", "purchase", "return")
_SEGMENTS = ("families", "students", "collectors", "offices")
_SHELVES = ("books", "games", "garden", "kitchen", "tools")
_FIRST_SECOND = 1_735_689_600  # the year 2025 begins
_MONTH = 30 * 86_400
# When an event follows on the view, in seconds.
_DELAYS = {"view": 0, "click": 5, "cart": 60, "purchase": 300, "return": 7200, "review": 10_800}


@dataclass(frozen=True)
class Shop:
    """What `draw_shop` draws.

    Args:
        customers: The columns of the customers, `{name: [num_customers]}`.
        products: The columns of the products, `{name: [num_products]}`.
        customer_of_row: Who each row is about: [num_rows].
        product_of_row: What it is about: [num_rows].
        seconds: When the product was viewed, seconds since 1970: [num_rows] int64.
        labels: What came of it, `{event: [num_rows]}` float64, 0 or 1; `"review"` are stars, NaN
            where there is no review.
        probability: The true probability of each event, `{event: [num_customers, num_products]}`,
            every step before it included.
    """

    customers: dict[str, np.ndarray]
    products: dict[str, np.ndarray]
    customer_of_row: np.ndarray
    product_of_row: np.ndarray
    seconds: np.ndarray
    labels: dict[str, np.ndarray]
    probability: dict[str, np.ndarray]


def draw_shop(
    num_customers: int = 300, num_products: int = 150, views_per_customer: int = 40, seed: int = 0
) -> Shop:
    """Draws who views what, and what comes of it, step by step.

    A customer's segment likes some shelves, and a product has an appeal and a defect rate. With
    their sum `a = taste[segment, shelf] + appeal`, standard normal tastes, appeal ~ N(0, 0.7²) and
    price, defect and activity standard normal,

        P(click)            = sigmoid(a + 0.5 · activity − 1.5)
        P(cart | click)     = sigmoid(0.8 a − 1)
        P(purchase | cart)  = sigmoid(0.8 a − 0.5 · price)
        P(return | purchase) = sigmoid(1.5 · defect − 1.5)
        stars               = 3.2 + 0.6 a − 0.8 · defect + N(0, 0.7²), rounded, from 1 to 5,

    for four in ten purchases. So all steps have a cause in common, which abundant clicks show and
    sparse purchases hardly do, and returns have one of their own. Each customer views different
    products, popular ones more often.

    Args:
        num_customers: How many customers.
        num_products: How many products.
        views_per_customer: How many products each of them views.
        seed: The random seed.

    Raises:
        DataError: A number is below 1 or not whole, or there are fewer products than views.

    Source: the formulas are ours; the chain of steps is that of Ma et al. 2018, "Entire space
    multi-task model".

    Example:

    >>> shop = draw_shop(num_customers=10, num_products=20, views_per_customer=5)
    >>> shop.probability["purchase"].shape, shop.labels["click"].shape
    ((10, 20), (50,))
    """
    for argument, number in (
        ("num_customers", num_customers),
        ("num_products", num_products),
        ("views_per_customer", views_per_customer),
    ):
        if not is_whole_number(number) or number < 1:
            raise DataError(
                f"{argument} is {number!r}.",
                "A whole number of at least 1.",
                f"Correct {argument}.",
            )
    if views_per_customer > num_products:
        raise DataError(
            f"views_per_customer is {views_per_customer}, and there are {num_products} products.",
            "At most one view for each product.",
            "Draw more products or fewer views.",
        )
    draw = np.random.default_rng(seed)
    segment = draw.integers(0, len(_SEGMENTS), num_customers)
    shelf = draw.integers(0, len(_SHELVES), num_products)
    taste = draw.standard_normal((len(_SEGMENTS), len(_SHELVES)))
    appeal = 0.7 * draw.standard_normal(num_products)
    price, defect = draw.standard_normal((2, num_products))
    activity = draw.standard_normal(num_customers)
    attraction = taste[segment][:, shelf] + appeal
    steps = {
        "click": _sigmoid(attraction + 0.5 * activity[:, None] - 1.5),
        "cart": _sigmoid(0.8 * attraction - 1),
        "purchase": _sigmoid(0.8 * attraction - 0.5 * price),
        "return": np.broadcast_to(_sigmoid(1.5 * defect - 1.5), attraction.shape),
    }
    # The largest of these keys are a draw without replacement, popular products more often.
    popularity = 0.5 * draw.standard_normal(num_products)
    keys = popularity + draw.gumbel(size=attraction.shape)
    viewed = np.argsort(-keys, axis=1)[:, :views_per_customer]
    customer = np.repeat(np.arange(num_customers), views_per_customer)
    product = viewed.ravel()
    happened = np.ones(len(customer), bool)
    probability, labels, reached = {}, {}, np.ones(attraction.shape)
    for event, given in steps.items():
        reached = reached * given
        probability[event] = reached
        happened &= draw.random(len(customer)) < given[customer, product]
        labels[event] = happened.astype("float64")
    stars = 3.2 + 0.6 * attraction - 0.8 * defect
    stars = np.clip(
        np.round(stars[customer, product] + 0.7 * draw.standard_normal(len(customer))), 1, 5
    )
    reviewed = (labels["purchase"] == 1) & (draw.random(len(customer)) < 0.4)
    labels["review"] = np.where(reviewed, stars, np.nan)
    return Shop(
        customers={
            "customer": _numbered("customer", num_customers),
            "segment": np.array(_SEGMENTS)[segment],
        },
        products={
            "product": _numbered("product", num_products),
            "shelf": np.array(_SHELVES)[shelf],
            "price": np.round(30 * np.exp(0.6 * price), 2),
        },
        customer_of_row=customer,
        product_of_row=product,
        seconds=_FIRST_SECOND + draw.integers(0, _MONTH, len(customer)),
        labels=labels,
        probability=probability,
    )


@register_dataset("synthetic_shop")
class SyntheticShop(DatasetSource):
    """A shop whose truth is known: what `draw_shop` draws, the latest rows held out.

    A row is a product that a customer viewed; its labels are `click`, `cart`, `purchase` and
    `return`, 0 or 1, and `review`, stars where there are any. `write` gives the same as files for
    `Tables`.

    Args:
        num_customers: How many customers.
        num_products: How many products.
        views_per_customer: How many products each of them views.
        test_fraction: The share of the rows to test on, the latest ones.
        validation_fraction: The share of the remaining rows, the latest ones.
        seed: The random seed.

    Raises:
        DataError: A share is none; see also `draw_shop`.

    Example:

    >>> data = SyntheticShop(num_customers=10, num_products=20, views_per_customer=5).load()
    >>> len(data.train["purchase"]), data.vocabularies["product"].size
    (40, 21)
    """

    schema = Schema(
        columns=(
            Column("customer", "categorical", "query"),
            Column("segment", "categorical", "query"),
            Column("product", "categorical", "candidate"),
            Column("shelf", "categorical", "candidate"),
            Column("price", "numeric", "candidate"),
            Column("time", "numeric", "timestamp"),
            *(Column(event, "numeric", "label") for event in (*EVENTS, "review")),
        ),
        query_key="customer",
        candidate_key="product",
    )

    def __init__(
        self,
        num_customers: int = 300,
        num_products: int = 150,
        views_per_customer: int = 40,
        test_fraction: float = 0.2,
        validation_fraction: float = 0.0,
        seed: int = 0,
    ):
        check_held_out_share("SyntheticShop.test_fraction", test_fraction, False)
        check_held_out_share("SyntheticShop.validation_fraction", validation_fraction, False)
        self.sizes = (num_customers, num_products, views_per_customer)
        self.test_fraction = test_fraction
        self.validation_fraction = validation_fraction
        self.seed = seed

    def draw(self) -> Shop:
        """Returns the shop with its truth."""
        return draw_shop(*self.sizes, self.seed)

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set."""
        shop = self.draw()
        rows = {
            **_taken(shop.customers, shop.customer_of_row),
            **_taken(shop.products, shop.product_of_row),
            "time": _latest(shop),
            **shop.labels,
        }
        kept, test = hold_out_latest(rows["time"], self.test_fraction)
        remaining, validation = hold_out_latest(rows["time"][kept], self.validation_fraction)
        return Dataset(
            schema=self.schema,
            train=_taken(rows, kept[remaining]),
            validation=_taken(rows, kept[validation]),
            test=_taken(rows, test),
            catalogue=shop.products,
            name="the synthetic shop",
        )

    def write(self, folder: str | Path) -> None:
        """Writes `log.csv`, a line an event, and `products.csv` into a folder, which is made.

        Raises:
            RunError: A file cannot be written.
        """
        shop = self.draw()
        events = []
        for event in _DELAYS:
            values = shop.labels.get(event, np.ones(len(shop.seconds)))
            happened = ~np.isnan(values) if event == "review" else values == 1
            for row in np.flatnonzero(happened).tolist():
                stars = f"{values[row]:.0f}" if event == "review" else ""
                events.append((int(shop.seconds[row]) + _DELAYS[event], row, event, stars))
        folder = Path(folder)
        who, segment = shop.customers["customer"], shop.customers["segment"]
        log = [
            f"{who[customer]},{segment[customer]},{shop.products['product'][product]},"
            f"{event},{stars},{time}"
            for time, row, event, stars in sorted(events)
            for customer, product in [(shop.customer_of_row[row], shop.product_of_row[row])]
        ]
        lines = ["customer,segment,product,event,stars,time", *log]
        write_whole(folder / "log.csv", "\n".join(lines) + "\n")
        columns = zip(*(values.tolist() for values in shop.products.values()), strict=True)
        products = [",".join(shop.products), *(",".join(map(str, row)) for row in columns)]
        write_whole(folder / "products.csv", "\n".join(products) + "\n")


def _latest(shop: Shop) -> np.ndarray:
    """Returns when the last event of each row happened, seconds since 1970."""
    seconds = shop.seconds
    for event, values in shop.labels.items():
        happened = ~np.isnan(values) if event == "review" else values == 1
        seconds = np.where(happened, shop.seconds + _DELAYS[event], seconds)
    return seconds


def _taken(columns: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in columns.items()}


def _numbered(what: str, count: int) -> np.ndarray:
    return np.array([f"{what} {number:0{len(str(count - 1))}}" for number in range(count)])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
