import pyarrow as pa
import pytest

from mtframework.data.streaming import distinct_values
from mtframework.data.streaming.distinct_values import DistinctValues

BLOCKS = [["z", "é", "z"], [], ["a", "ɐ", "😀"], ["é", "A", ""], ["a"] * 5, ["~", "z"]]


@pytest.mark.parametrize("few", [0, 4, 1000])
def test_each_value_once_in_the_order_of_its_characters(few, monkeypatch):
    monkeypatch.setattr(distinct_values, "_FEW", few)
    distinct = DistinctValues()
    for block in BLOCKS:
        distinct.add(pa.chunked_array([pa.array(block, pa.large_string())]))
    expected = sorted({each for block in BLOCKS for each in block})
    assert distinct.sorted().tolist() == expected
    asked = pa.chunked_array([pa.array(["b", "a", ""], pa.large_string())])
    assert distinct.lacks(asked).to_pylist() == [True, False, False]
