"""Files of a line a user, one for each behaviour, as two questions are asked of them."""

import numpy as np
import pytest

from mtframework.data.sources.behaviour_files import BehaviourFiles
from mtframework.errors import DataError
from mtframework.testing import check_dataset

FILES = {
    "bought.txt": "ann i1 i2 i3\nbob i2 i4\ncy i1\n",
    "carted.txt": "ann i3 i5\nbob i5 i1 i5\ndee i4\n",
    "test.txt": "ann i5\nbob i1\ncy i6\n",
}
BEHAVIOURS = {"buy": "bought.txt", "cart": "carted.txt"}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def pairs(rows, label=None):
    chosen = np.ones(len(rows["user_id"]), bool) if label is None else rows[label] == 1
    return set(zip(rows["user_id"][chosen].tolist(), rows["item_id"][chosen].tolist(), strict=True))


def loaded(folder, **arguments):
    return BehaviourFiles(str(folder), BEHAVIOURS, "buy", **arguments).load(lambda _: None)


BOUGHT = {("ann", "i1"), ("ann", "i2"), ("ann", "i3"), ("bob", "i2"), ("bob", "i4"), ("cy", "i1")}
CARTED = {("ann", "i3"), ("ann", "i5"), ("bob", "i5"), ("bob", "i1"), ("dee", "i4")}
TEST = {("ann", "i5"), ("bob", "i1"), ("cy", "i6")}


def test_as_published_carts_stay_as_they_are(folder):
    data = loaded(folder)
    assert pairs(data.train, "buy") == BOUGHT
    assert pairs(data.train, "cart") == CARTED
    assert pairs(data.train) == BOUGHT | CARTED
    assert len(data.train["user_id"]) == len(BOUGHT | CARTED)
    assert pairs(data.test) == pairs(data.test, "buy") == TEST
    assert pairs(data.test, "cart") == TEST & CARTED
    assert data.catalogue["item_id"].tolist() == ["i1", "i2", "i3", "i4", "i5", "i6"]
    assert not data.has_validation


def test_for_discovery_the_test_items_are_taken_out_of_the_carts(folder):
    data = loaded(folder, discovery=True)
    assert pairs(data.train, "buy") == BOUGHT
    assert pairs(data.train, "cart") == CARTED - TEST
    assert pairs(data.train) & TEST == set()
    assert pairs(data.test, "cart") == set()


@pytest.mark.parametrize("discovery", [False, True])
def test_validation_holds_out_one_purchase_of_each_user_of_several(folder, discovery):
    data = loaded(folder, discovery=discovery, validation_fraction=1.0, seed=3)
    held_out = pairs(data.validation)
    assert sorted(user for user, _ in held_out) == ["ann", "bob"]
    assert held_out <= BOUGHT
    assert pairs(data.train, "buy") == BOUGHT - held_out
    assert pairs(data.train, "cart") == (CARTED - TEST - held_out if discovery else CARTED)
    drawn = {
        frozenset(pairs(loaded(folder, validation_fraction=1.0, seed=seed).validation))
        for seed in range(9)
    }
    assert len(drawn) > 1


@pytest.mark.parametrize("discovery", [False, True])
def test_it_is_a_data_set(tmp_path, discovery):
    draw = np.random.default_rng(0)
    for name in FILES:
        lines = (f"u{user} {' '.join(draw.choice(items, 4))}" for user, items in USERS)
        (tmp_path / name).write_text("\n".join(lines))
    # The test file has items of its own.
    text = (tmp_path / "test.txt").read_text().replace(" i", " j")
    (tmp_path / "test.txt").write_text(text)
    check_dataset(lambda: BehaviourFiles(str(tmp_path), BEHAVIOURS, "buy", discovery=discovery))


USERS = [(user, [f"i{number}" for number in range(9)]) for user in range(8)]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"path": ""}, "BehaviourFiles.path is ''"),
        ({"behaviours": {}}, "BehaviourFiles.behaviours is {}"),
        ({"target": "bought"}, 'BehaviourFiles.target is "bought"'),
        ({"validation_fraction": 2}, "BehaviourFiles.validation_fraction is 2"),
    ],
)
def test_what_cannot_be(arguments, found):
    with pytest.raises(DataError) as error:
        BehaviourFiles(**{"path": "x", "behaviours": BEHAVIOURS, "target": "buy", **arguments})
    assert found in str(error.value)


def test_what_is_not_there(folder):
    (folder / "carted.txt").unlink()
    with pytest.raises(DataError, match=r"There is no file .*carted\.txt"):
        loaded(folder)


def test_a_held_out_pair_that_is_learned_from_is_refused(folder):
    (folder / "test.txt").write_text("bob i2\ncy i6\n")
    with pytest.raises(DataError, match=r'1 of 2 pairs of test\.txt .* "bob" and "i2"'):
        loaded(folder)
