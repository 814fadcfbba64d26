"""The rows of a split that are read from files each time that they are needed."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtframework.data.streaming.row_stream import RowStream
from mtframework.data.streaming.stream_splits import Assignment
from mtframework.data.tables.column_values import vectors_of
from mtframework.data.tables.file_rows import unreadable
from mtframework.errors import DataError
from mtframework.schema.encoding import check_finite, encode_columns
from mtframework.schema.multi_valued import ids_of_lists
from mtframework.schema.schema import Schema
from mtframework.schema.texts import text_array
from mtframework.schema.vocabulary import Vocabulary

Encoded = dict[str, np.ndarray]


class StreamedRows(Mapping[str, np.ndarray]):
    """The columns of a split whose values are never in memory all at once.

    It stands where a `Dataset` has columns, and has their names; asking it for a whole column of
    raw values is an error. What a model needs comes encoded, block by block or all at once.

    Args:
        stream: Where the rows are read.
        split: Which of its rows: those of `"train"`, `"validation"` or `"test"`.
        assignment: What says which split a row belongs to.
        num_rows: How many rows the split has.
        timestamp: The column that says when, which the assignment may need.
        catalogue: The raw columns of the candidates; those that the stream lacks are looked up.
        widths: How many categories the longest row of a multi-valued column has.
        schema: What the columns are.
    """

    def __init__(
        self,
        stream: RowStream,
        split: str,
        assignment: Assignment,
        num_rows: int,
        timestamp: str | None,
        catalogue: Mapping[str, np.ndarray],
        widths: Mapping[str, int],
        schema: Schema,
    ):
        self.stream = stream
        self.split = split
        self.assignment = assignment
        self.num_rows = num_rows
        self.timestamp = timestamp
        self.catalogue = catalogue
        self.widths = widths
        self.schema = schema

    def __getitem__(self, name: str) -> np.ndarray:
        self.schema[name]  # raises where there is no such column
        raise DataError(
            f'The whole column "{name}" of the {self.split} rows is asked for, and they are '
            "streamed.",
            "Rows that are in memory.",
            "Set Tables.in_memory = True, or leave out what needs it.",
        )

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)  # which the mapping's own would ask for the values

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in self.schema)

    def __len__(self) -> int:
        return len(self.schema.columns)

    def tables(self, order: np.random.Generator | None = None) -> Iterator[pa.Table]:
        """Yields the split's rows as the files have them, without what is looked up.

        Args:
            order: Draws the order of the row groups; left out, they come as they stand.

        Raises:
            DataError: A file cannot be read, or holds other rows than when it was first read.
        """
        found = 0
        for block in self.stream.blocks(order=order):
            times = None if self.timestamp is None else block.table[self.timestamp].to_numpy()
            inside = self.assignment(self.split, block.numbers, times)
            table = block.table if inside.all() else block.table.filter(pa.array(inside))
            found += table.num_rows
            yield table
        if found != self.num_rows:
            raise unreadable(
                self.stream.files[0],
                f"{found} {self.split} rows were found where there had been {self.num_rows}; "
                "a file has changed",
            )

    def encoded(
        self,
        schema: Schema,
        vocabularies: Mapping[str, Vocabulary],
        names: Sequence[str] | None = None,
        order: np.random.Generator | None = None,
    ) -> Iterator[Encoded]:
        """Yields blocks of the columns as the model reads them, as `encode_columns` does.

        The next block is read and encoded while the last one is used.

        Args:
            schema: What the columns are.
            vocabularies: The ids.
            names: Which columns; left out, all of the schema.
            order: Draws the order of the row groups; left out, they come as they stand.
        """
        names = [column.name for column in schema] if names is None else list(names)
        encode = _Encoder(self, schema, vocabularies, names)
        yield from _one_ahead(encode(table) for table in self.tables(order) if table.num_rows)

    def encode(
        self,
        schema: Schema,
        vocabularies: Mapping[str, Vocabulary],
        names: Sequence[str] | None = None,
    ) -> Encoded:
        """Returns whole columns as the model reads them: four bytes a row and column."""
        columns: Encoded = {}
        done = 0
        for block in self.encoded(schema, vocabularies, names):
            for name, values in block.items():
                if name not in columns:
                    columns[name] = np.empty((self.num_rows, *values.shape[1:]), values.dtype)
                columns[name][done : done + len(values)] = values
            done += len(next(iter(block.values())))
        return columns


class _Encoder:
    """Encodes blocks: what they share is looked up once."""

    def __init__(
        self,
        rows: StreamedRows,
        schema: Schema,
        vocabularies: Mapping[str, Vocabulary],
        names: Sequence[str],
    ):
        self.names, self.schema, self.vocabularies = names, schema, vocabularies
        self.widths, self.split = rows.widths, rows.split
        in_files = rows.stream.meanings
        self.values = {
            name: pa.array(vocabularies[name].known_values, pa.large_string())
            for name in names
            if name in in_files and schema[name].kind == "categorical"
        }
        # The candidate's id and all that the catalogue says of it need one look-up.
        self.of_candidate: Encoded = {}
        self.key = schema.candidate_key
        if any(name not in in_files for name in names):
            self.of_candidate = encode_columns(
                {
                    name: rows.catalogue[name]
                    for name in names
                    if name == self.key or name not in in_files
                },
                schema,
                vocabularies,
            )
            self.values.pop(self.key, None)
            self.candidates = pa.array(rows.catalogue[self.key], pa.large_string())

    def __call__(self, table: pa.Table) -> Encoded:
        places = None
        if self.of_candidate:
            places = pc.index_in(table[self.key], self.candidates).to_numpy()
        encoded = {}
        for name in self.names:
            if name in self.of_candidate:
                encoded[name] = self.of_candidate[name][places]
            elif name in self.values:
                found = pc.index_in(table[name], self.values[name])
                encoded[name] = pc.fill_null(found, -1).to_numpy() + np.int32(1)
            elif self.schema[name].kind == "multi_categorical":
                encoded[name] = self._lists(table[name], name)
            elif self.schema[name].kind == "vector":
                encoded[name] = vectors_of(table[name])
            elif self.schema[name].role == "timestamp":
                encoded[name] = table[name].to_numpy().astype("int32")
            else:
                encoded[name] = self._numbers(table[name], name)
        return encoded

    def _numbers(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        with np.errstate(over="ignore"):
            numbers = column.to_numpy().astype("float32")
        if self.schema[name].is_feature:
            check_finite(name, numbers, f" of a block of the {self.split} rows")
        return numbers

    def _lists(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        coded = column.combine_chunks().dictionary_encode()
        texts = text_array(coded.dictionary.to_pylist())
        ids = ids_of_lists(texts, self.vocabularies[name])
        # Every block has the width of the longest row of all.
        ids = np.pad(ids, ((0, 0), (0, self.widths[name] - ids.shape[1])))
        return ids[coded.indices.to_numpy()]


def _one_ahead(items: Iterator[Encoded]) -> Iterator[Encoded]:
    """Yields the items, each next one being made in another thread."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
