"""From the tables of The Complete Journey to purchases, and what happened to what is none."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.complete_journey.files import DEMOGRAPHICS, Tables
from mtframework.data.tables.table_reader import as_columns

UNKNOWN = "unknown"
PRODUCT_COLUMNS = ("department", "brand", "product_category", "product_type")

# The time stamps are in UTC; weeks begin on Monday at 0:00 on clocks of the American East, which
# in 2017 were four hours behind UTC between these two moments, and five hours otherwise.
_SUMMER = np.datetime64("2017-03-12T07:00:00"), np.datetime64("2017-11-05T06:00:00")


@dataclass(frozen=True)
class Purchases:
    """What was bought, in the order of time.

    Args:
        columns: `{name: [num_purchases]}`.
        products: The distinct products among them, `{name: [num_products]}`.
        notes: What was left out or changed, a sentence each, with counts.
    """

    columns: dict[str, np.ndarray]
    products: dict[str, np.ndarray]
    notes: tuple[str, ...]


def purchases_of(tables: Tables) -> Purchases:
    """Returns the purchases of the three tables.

    - **Lines on which nothing was sold are left out**: those with a quantity of 0, which are voided
      lines and coupons that were rung up as products of their own.
    - **Fuel has no count of pieces**: of the department `FUEL`, or a type that starts with
      `GASOLINE`, the quantity is in thousandths of a gallon, or 1 for any amount that was paid for
      in advance. Its `quantity` is missing (NaN); the purchase and what was spent stay.
    - Amounts are rounded to cents, since some are 4e-16.
    - The lines of a basket, which the file sorts by product number, come in a random order that is
      always the same: their order says nothing about what was picked up first.
    - `again` is 1 where the household bought the product in the file before, `new` where not.
    - `hour` is that of the American East, from 0 to 23; `timestamp` stays in UTC.
    - What a product or a household lacks is `"unknown"`.

    Args:
        tables: What `files.read` returns.
    """
    lines = tables["transactions.parquet"]
    is_sold = pc.greater(lines["quantity"], 0)
    left_out = lines.filter(pc.invert(is_sold))
    with_coupon = pc.sum(pc.greater(left_out["coupon_disc"], 0)).as_py() or 0
    lines = _in_order(lines.filter(is_sold))
    products = _described(lines["product_id"], tables["products.parquet"], "product_id",
                          PRODUCT_COLUMNS)  # fmt: skip
    people = _described(lines["household_id"], tables["demographics.parquet"], "household_id",
                        DEMOGRAPHICS)  # fmt: skip
    quantity = lines["quantity"].to_numpy().astype("float32")
    is_fuel = _is_fuel(products)
    quantity[is_fuel] = np.nan
    again = _came_before(lines["household_id"].to_numpy(), lines["product_id"].to_numpy())
    seconds = lines["transaction_timestamp"].to_numpy().astype("datetime64[s]")
    numbers = {
        "week": lines["week"].to_numpy(),
        "quantity": quantity,
        "spend": _cents(lines["sales_value"]) / 100,
        "coupon": (_cents(lines["coupon_disc"]) > 0).astype("float32"),
        "discount": (_cents(lines["retail_disc"]) > 0).astype("float32"),
        "again": again.astype("float32"),
        "new": (~again).astype("float32"),
        "timestamp": seconds.astype("int64"),
    }
    texts = {
        "household_id": _texts(lines["household_id"]),
        **people,
        "product_id": _texts(lines["product_id"]),
        **products,
        "store_id": _texts(lines["store_id"]),
        "hour": _texts(pa.array(_hours(seconds))),
    }
    columns = as_columns(pa.table(texts)) | numbers
    _, first = np.unique(lines["product_id"].to_numpy(), return_index=True)
    notes = (
        f"{len(left_out):,} lines of {len(left_out) + len(lines):,} are left out, since nothing "
        f"was sold on them (quantity 0); {with_coupon:,} of them are coupons.",
        f"Of {is_fuel.sum():,} purchases of fuel the quantity is missing: it is no count of "
        "pieces.",
    )
    return Purchases(
        columns,
        {name: columns[name][first] for name in ("product_id", *PRODUCT_COLUMNS)},
        notes,
    )


def _in_order(lines: pa.Table) -> pa.Table:
    """Returns the lines by time and basket, those of a basket in a random order."""
    draw = np.random.default_rng(0).random(len(lines))
    times = lines["transaction_timestamp"].to_numpy()
    return lines.take(np.lexsort((draw, lines["basket_id"].to_numpy(), times)))


def _described(ids: pa.ChunkedArray, table: pa.Table, key: str, names) -> dict[str, pa.Array]:
    """Returns what a table says of each id; `UNKNOWN` where it says nothing."""
    rows = pc.index_in(ids, table[key].combine_chunks())
    return {name: pc.fill_null(_texts(table[name]).take(rows), UNKNOWN) for name in names}


def _texts(values) -> pa.ChunkedArray | pa.Array:
    return values.cast(pa.large_string())


def _is_fuel(products: dict[str, pa.Array]) -> np.ndarray:
    of_type = pc.starts_with(products["product_type"], "GASOLINE")
    return pc.or_(pc.equal(products["department"], "FUEL"), of_type).to_numpy(zero_copy_only=False)


def _came_before(households: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Returns which rows repeat an earlier row's household and product, `[num_rows]` bool."""
    pairs = households.astype("int64") << 32 | products
    again = np.ones(len(pairs), bool)
    again[np.unique(pairs, return_index=True)[1]] = False
    return again


def _cents(amounts: pa.ChunkedArray) -> np.ndarray:
    return np.rint(amounts.to_numpy() * 100)


def _hours(seconds: np.ndarray) -> np.ndarray:
    is_summer = (seconds >= _SUMMER[0]) & (seconds < _SUMMER[1])
    local = seconds.astype("int64") - np.where(is_summer, 4, 5) * 3600
    return local // 3600 % 24
