"""Columns of a file, of whatever type, as the texts and numbers that a data set holds.

Each function takes a column of `[num_rows]` and returns the values, null where there is none or
none that can be read, and the rows at fault: `{reason: [num_rows] bool}`. Nothing is raised: a bad
row must not cost the others. What is good is converted at once; only around a bad value is the
column cut in halves until the value stands alone.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.tables.table_columns import MILLISECONDS, SECONDS
from mtframework.schema.texts import normalized
from mtframework.schema.vectors import vector_of

Problems = dict[str, np.ndarray]
Converted = tuple[pa.Array, Problems]

SEPARATOR = "|"  # between the categories of a row
_NO_NUMBER = pa.array(["", "na", "n/a", "nan", "null", "none"], pa.large_string())
_CLOCK_SKEW_SECONDS = 86_400
_MOST_SECONDS = 2e10  # as seconds the year 2603, as milliseconds August 1970


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Returns the chunks of a column as one array."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Returns a column as one array, its dictionary taken out and its texts as bytes."""
    array = one_array(column) if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary.take(array.indices)
    return array.cast(pa.large_binary()) if _is_text(array.type) else array


def categories(column: pa.ChunkedArray | pa.Array) -> Converted:
    """Returns strings; whole numbers and truth values become theirs."""
    array = _plain(column)
    kind = array.type
    if _is_text(kind):
        return texts(array)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        return array.cast(pa.large_string()), {}
    if pa.types.is_floating(kind):
        # Whole numbers beside missing ones are floats in pandas.
        whole = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        present = ~np.isnan(whole)
        good = present & (np.abs(whole) < 2**53) & (whole == np.floor(whole))
        numbers = pa.array(np.where(good, whole, 0).astype("int64"), mask=~good)
        return numbers.cast(pa.large_string()), {"is not a whole number": present & ~good}
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.large_string()), {}
    return pa.nulls(len(array), pa.large_string()), {"is not a single value": _valid(array)}


def multi_categories(column: pa.ChunkedArray | pa.Array) -> Converted:
    """Returns texts with `|` between a row's categories, empty where there is none."""
    array = _plain(column)
    if not _is_list(array.type):
        values, problems = categories(array)
        return _stripped_parts(values), problems
    lists = array.cast(pa.large_list(array.type.value_type))
    owners = _numpy(pc.list_parent_indices(lists))
    values, problems = categories(pc.list_flatten(lists))
    faults = {**problems, "holds a missing category": ~_valid(values)}
    if len(values):
        faults[f'holds "{SEPARATOR}" in a category'] = _true(pc.match_substring(values, SEPARATOR))
    of_rows = {}
    for reason, mask in faults.items():
        of_rows[reason] = np.zeros(len(array), bool)
        of_rows[reason][owners[mask]] = True
    counts = np.bincount(owners, minlength=len(array))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int64())
    rebuilt = pa.LargeListArray.from_arrays(offsets, pc.fill_null(values, ""))
    return pc.binary_join(rebuilt, pa.scalar(SEPARATOR, pa.large_string())), of_rows


def _stripped_parts(texts_: pa.Array) -> pa.Array:
    """Returns texts without white space around their categories."""
    if not len(texts_) or not pc.any(pc.match_substring(texts_, SEPARATOR)).as_py():
        return texts_
    return pc.replace_substring_regex(texts_, r"\s*\|\s*", SEPARATOR)


def other_separator(values: pa.Array) -> str | None:
    """Returns what texts of categories seem to be separated by in place of `|`; None where by that.

    >>> other_separator(pa.array(["a, b", "c", "b, c"], pa.large_string()))
    ','
    >>> other_separator(pa.array(["a|b", "c, d"], pa.large_string()))
    """
    if not len(values) or pc.any(pc.match_substring(values, SEPARATOR)).as_py():
        return None
    for mark in ("[", ";", ","):
        if 3 * pc.sum(pc.match_substring(values, mark)).as_py() >= len(values):
            return mark
    return None


def numbers(column: pa.ChunkedArray | pa.Array) -> Converted:
    """Returns float64; `true` and `false` are 1 and 0, and NaN is a missing number."""
    array = _plain(column)
    kind = array.type
    problems: Problems = {}
    if _is_text(kind):
        words, problems = texts(array)
        array, bad = _parsed(words, pa.float64())
        problems = {**problems, "is not a number": bad}
    elif pa.types.is_boolean(kind):
        array = array.cast(pa.int8()).cast(pa.float64())
    elif _is_number(kind) or pa.types.is_null(kind):
        array = array.cast(pa.float64(), safe=False)
    else:
        return pa.nulls(len(array), pa.float64()), {"is not a number": _valid(array)}
    found = array.to_numpy(zero_copy_only=False)
    infinite = np.isinf(found)
    result = pa.array(found, mask=np.isnan(found) | infinite)
    return result, {**problems, "is not finite": infinite}


def vectors(column: pa.ChunkedArray | pa.Array, size: int) -> Converted:
    """Returns lists of `size` float32 numbers; zeros where there is none that can be read.

    A vector is a list of numbers, or a text such as `0.1 0.2` or `[0.1, 0.2]`.
    """
    array = _plain(column)
    kind = array.type
    problems: Problems = {}
    missing = np.logical_not(_valid(array))
    if _is_text(kind):
        words, problems = texts(array)
        coded = words.dictionary_encode()
        parsed = [vector_of(each) for each in coded.dictionary.to_pylist()]
        lists = pa.array(parsed, pa.large_list(pa.float64())).take(coded.indices)
        missing |= _true(pc.equal(words, ""))
    elif _is_list(kind) and (_is_number(kind.value_type) or _is_text(kind.value_type)):
        lists, lost = _cast_where_possible(array, pa.large_list(pa.float64()))
        lists = pc.if_else(pa.array(lost), None, lists) if lost.any() else lists
    else:
        lists = pa.nulls(len(array), pa.large_list(pa.float64()))
    fits = _true(pc.equal(pc.list_value_length(lists), size))
    values = np.zeros((len(array), size), "float32")
    with np.errstate(over="ignore"):
        found = _floats(pc.list_flatten(lists.filter(pa.array(fits))))
        values[fits] = found.astype("float32").reshape(-1, size)
    infinite = np.asarray(~np.isfinite(values).all(axis=1))
    values[infinite] = 0
    flat = pa.array(values.ravel(), pa.float32())
    is_other = ~(fits | missing | _any(problems, len(array)))
    return pa.FixedSizeListArray.from_arrays(flat, size), {
        **problems,
        "is missing": missing,
        f"is not {size} numbers": is_other,
        "is not finite": infinite,
    }


def vectors_of(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Returns what `vectors` returned as an array, `[num_rows, size]` float32."""
    array = one_array(column) if isinstance(column, pa.ChunkedArray) else column
    return array.flatten().to_numpy().reshape(len(array), array.type.list_size)


def timestamps(column: pa.ChunkedArray | pa.Array, unit: str, now: float) -> Converted:
    """Returns whole seconds since 1970 in UTC, int64, of numbers, dates or ISO 8601 texts.

    Args:
        column: The column; a text without an offset is in UTC.
        unit: What numbers count: `SECONDS` or `MILLISECONDS`.
        now: The seconds since 1970 after which, and a day, a timestamp is in the future.
    """
    array = _plain(column)
    kind = array.type
    problems: Problems = {}
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        in_seconds = array.cast(pa.timestamp("s", getattr(kind, "tz", None)), safe=False)
        seconds = _floats(in_seconds.cast(pa.int64()))
        per_second = 1
    elif _is_text(kind):
        words, problems = texts(array)
        values, bad = _parsed(words, pa.float64())
        seconds = _floats(values)
        per_second = _per_second(unit)
        if bad.any():
            dates, bad = _dates(words, bad)
            # Scaled here, so that both kinds are scaled alike below.
            seconds = np.where(np.isnan(seconds), dates * per_second, seconds)
        problems = {**problems, "is not a time": bad}
    else:
        values, problems = numbers(array)
        seconds = _floats(values)
        per_second = _per_second(unit)
    looks_like_seconds = (
        per_second == 1000 and np.nanmax(seconds, initial=-1) < _MOST_SECONDS and len(array) > 0
    )
    seconds = np.floor(seconds / per_second)
    missing = np.isnan(seconds) & ~_any(problems, len(array))
    if looks_like_seconds:
        # 1970 in milliseconds, and this century in seconds.
        problems = {**problems, "counts seconds, not milliseconds": seconds > 0}
    negative = seconds < 0
    future = seconds > now + _CLOCK_SKEW_SECONDS
    good = ~np.isnan(seconds) & ~negative & ~future
    result = pa.array(np.where(good, seconds, 0).astype("int64"), mask=~good)
    more = {"is missing": missing, "is before 1970": negative, "is in the future": future}
    return result, {**problems, **more}


def texts(array: pa.Array) -> Converted:
    """Returns large strings of large binary values that should be UTF-8."""
    result, broken = _cast_where_possible(array, pa.large_string())
    return normalized(result), {"is broken UTF-8": broken}


def _parsed(words: pa.Array, kind: pa.DataType) -> tuple[pa.Array, np.ndarray]:
    """Returns the numbers that texts are, null where empty, and which are none."""
    empty = pc.equal(words, "")
    words = pc.if_else(empty, pa.scalar(None, words.type), words)
    try:
        return words.cast(kind), np.zeros(len(words), bool)
    except pa.ArrowInvalid:
        pass
    distinct = words.dictionary_encode()
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(distinct.dictionary))
    plain = pc.if_else(pc.is_in(plain, _NO_NUMBER), pa.scalar(None, plain.type), plain)
    plain = pc.if_else(pc.equal(plain, "true"), "1", plain)
    plain = pc.if_else(pc.equal(plain, "false"), "0", plain)
    values, bad = _cast_where_possible(plain, kind)
    at = distinct.indices
    return values.take(at), _true(pa.array(bad).take(at))


def _dates(words: pa.Array, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the seconds of the wanted texts, float64, and which of them are no times."""
    asked = pc.utf8_trim_whitespace(pc.if_else(pa.array(wanted), words, None))
    asked = pc.replace_substring_regex(asked, r"([:]\d\d)\.\d+", r"\1")
    zoned = _true(pc.match_substring_regex(asked, r"(Z|[+-]\d\d:?\d\d)$")) & _true(
        pc.match_substring(asked, ":")
    )
    seconds = np.full(len(words), np.nan)
    bad = np.zeros(len(words), bool)
    for rows, kind in ((zoned, pa.timestamp("s", "UTC")), (~zoned, pa.timestamp("s"))):
        part = pc.if_else(pa.array(rows & wanted), asked, None)
        values, wrong = _cast_where_possible(part, kind)
        found = _floats(values.cast(pa.int64()))
        seconds = np.where(np.isnan(found), seconds, found)
        bad |= wrong
    return seconds, bad


def _cast_where_possible(array: pa.Array, kind: pa.DataType) -> tuple[pa.Array, np.ndarray]:
    """Returns the array cast, null where a value cannot be, and where that is."""
    try:
        return array.cast(kind), np.zeros(len(array), bool)
    except pa.ArrowInvalid:
        if len(array) == 1:
            return pa.nulls(1, kind), np.ones(1, bool)
    middle = len(array) // 2
    halves = [_cast_where_possible(half, kind) for half in (array[:middle], array[middle:])]
    values, bad = zip(*halves, strict=True)
    return pa.concat_arrays(values), np.concatenate(bad)


def _per_second(unit: str) -> int:
    return {SECONDS: 1, MILLISECONDS: 1000}[unit]


def _any(problems: Problems, num_rows: int) -> np.ndarray:
    return np.logical_or.reduce([np.zeros(num_rows, bool), *problems.values()])


def _floats(array: pa.Array) -> np.ndarray:
    return array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _valid(array: pa.Array) -> np.ndarray:
    return _numpy(array.is_valid())


def _true(mask: pa.Array) -> np.ndarray:
    return _numpy(pc.fill_null(mask, False))


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
