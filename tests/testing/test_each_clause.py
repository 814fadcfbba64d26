"""Every kind of part has a kit, whose clauses are tests, and whoever breaks several is told all."""

import re
from pathlib import Path

import keras
import pytest

import mtframework as mtf
from mtframework import testing
from mtframework.errors import ContractError, ModelError
from mtframework.registry import METRICS, REGISTRIES
from mtframework.testing import check_metric, each_clause
from mtframework.testing.kit import KITS

DOCS = Path(__file__).parents[2] / "docs"


class BreaksTwo(keras.metrics.MeanAbsoluteError):
    """Says not which way is better, and keeps its name."""

    def __init__(self, name="two", dtype=None):
        super().__init__(name="two", dtype=dtype)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_a_kind_of_part_has_a_kit_a_decorator_and_a_guide(kind):
    registry = REGISTRIES[kind]
    [kit] = [each for each in KITS.values() if each.registry is registry]
    assert kit.check in testing.__all__
    assert f"register_{registry.kind.replace(' ', '_')}" in dir(mtf)
    pages = [path.read_text("utf-8") for path in DOCS.rglob("*.md")]
    code = re.compile(rf"^```python.*?^{kit.check}\(.*?^```$", re.MULTILINE | re.DOTALL)
    [page] = [text for text in pages if code.search(text)]
    for clause in kit.names:
        assert re.search(rf"^\| .*\b{clause}\b.* \| ", page, re.MULTILINE), f"{clause} has no row"


@pytest.mark.parametrize("kit", KITS.values(), ids=lambda kit: kit.check)
def test_a_check_documents_its_clauses_in_order(kit):
    text = " ".join((getattr(testing, kit.check).__doc__ or "").split())
    listed = text[text.index("The clauses") :].split(": ", 1)[1]
    places = [re.search(rf"\b{name}\b", listed) for name in kit.names]
    assert all(places), [name for name, place in zip(kit.names, places, strict=True) if not place]
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)


def test_each_clause_is_a_test_of_its_own(register):
    register(METRICS, BreaksTwo)
    test = each_clause(check_metric, BreaksTwo, labels=[1, 3, 5])
    [mark] = test.pytestmark
    assert mark.name == "parametrize"
    parameter, names = mark.args
    assert parameter == "clause"
    assert tuple(names) == KITS["check_metric"].names
    failed = []
    for name in names:
        try:
            test(name)
        except ContractError as error:
            failed.append(error.found.split('"')[1])
    assert failed == ["direction", "name"]


def test_a_check_says_all_clauses_that_are_broken(register):
    register(METRICS, BreaksTwo)
    with pytest.raises(ContractError) as caught:
        check_metric(BreaksTwo)
    assert caught.value.found.startswith('BreaksTwo breaks the clause "direction": ')
    [other] = caught.value.others
    assert other.found.startswith('BreaksTwo breaks the clause "name": ')
    text = str(caught.value)
    assert text.index("higher_is_better") < text.index('breaks the clause "name"')
    assert text.count("  expected: ") == text.count("  fix: ") == 2


def test_other_backends_are_a_clause_where_they_are_asked_for():
    [mark] = each_clause(check_metric, BreaksTwo, every_backend=True).pytestmark
    assert mark.args[1] == [*KITS["check_metric"].names, "other backends"]


def test_an_unknown_clause_is_refused():
    with pytest.raises(ModelError, match=r'clause "wieghts"\. Did you mean "weights"') as caught:
        check_metric(BreaksTwo, clause="wieghts")
    assert '"compilation"' in caught.value.expected


@pytest.mark.parametrize("check", [testing.check_balancer, print])
def test_what_is_no_check_of_one_kind_is_refused(check):
    with pytest.raises(ModelError, match=f"each_clause was given {check.__name__}") as caught:
        each_clause(check, BreaksTwo)
    assert '"check_loss_balancer"' in caught.value.expected
