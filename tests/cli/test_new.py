"""What `mtframework new` writes and refuses; tests/test_new_user.py uses what it writes."""

import ast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def free_names(monkeypatch):
    """Spares the look at what is registered, which takes seconds in a fresh process."""
    import mtframework.cli.commands.new

    monkeypatch.setattr(mtframework.cli.commands.new, "_check_free", lambda *arguments: None)


def test_a_task_is_a_package(run, folder, free_names):
    result = run("new", "task", "stay_time", "--folder", "deep/down")
    assert result.exit_code == 0, result.output
    root = folder / "deep/down/stay-time"
    written = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert written == {
        "pyproject.toml", "README.md", "experiment.gin", "stay_time/__init__.py",
        "stay_time/stay_time.py", "tests/test_stay_time.py",
    }  # fmt: skip
    assert 'stay_time = "stay_time"' in (root / "pyproject.toml").read_text()
    classes = ast.parse((root / "stay_time/stay_time.py").read_text()).body
    assert [each.name for each in classes if isinstance(each, ast.ClassDef)] == ["StayTime"]


def test_an_experiment_takes_any_column_names(run, folder):
    names = ("it's $10", 'a "b"', "c\\d")
    rows = [(who, what) for who in "abcd" for what in "xyz"]
    lines = [f"{who},{what},{count % 5},{count}" for count, (who, what) in enumerate(rows)]
    header = 'it\'s $10,"a ""b""",c\\d,99 luft#balloons'
    (folder / "my $log.csv").write_text("\n".join([header, *lines]) + "\n")
    told = ["--query", names[0], "--candidate", names[1], "--label", names[2]]
    told += ["--label", "99 luft#balloons"]
    result = run("new", "experiment", "mine", "--data", "my $log.csv", *told)
    assert result.exit_code == 0, result.output
    checked = run("check", "mine.gin")
    assert "mine.gin: no errors, no warnings." in checked.stdout, checked.output
    trained = run("train", "mine.gin", "--run", "run", "--set", "Experiment.epochs = 1")
    assert trained.exit_code == 0, trained.output
    assert "my $log.csv: 12 rows read, 12 accepted, 0 rejected." in trained.stderr
    for metric in ("c_d/rmse", "n99_luft_balloons/rmse", "find/loss"):
        assert metric in trained.stdout
    # 0, 1, 2, 3, 4, 0, 1, … of twelve rows: mean 21/12, mean of squares 61/12, variance 2.021
    assert "c_d/Ranking.loss_weight = 0.49  #" in (folder / "mine.gin").read_text()


@pytest.mark.parametrize(("events", "offered"), [(False, True), (True, False)])
def test_an_experiment_on_parquet_offers_to_stream_it(run, folder, events, offered):
    table = {
        "user": ["ann", "bob"] * 9,
        "item": ["x", "y", "z"] * 6,
        "stars": [1, 2, 4, 5, 3, 3] * 3,
    }
    if events:
        table["event_type"] = ["view"] * 9 + ["buy"] * 9
    pq.write_table(pa.table(table), folder / "log.parquet")
    written = run("new", "experiment", "mine", "--data", "log.parquet")
    assert written.exit_code == 0, written.output
    line = "\n# Tables.in_memory = False  # streams rows that do not fit into memory\n"
    text = (folder / "mine.gin").read_text()
    assert (line in text) == offered
    (folder / "mine.gin").write_text(text.replace("# Tables.in_memory", "Tables.in_memory"))
    assert "no errors, no warnings." in run("check", "mine.gin").stdout


LOG = """customer,product,what,stars,when,device
ann,lamp,view,,2025-03-01,phone
ann,lamp,buy,,2025-03-02,phone
bob,lamp,view,,2025-03-02,desk
bob,sofa,review,4,2025-03-04,phone
ann,sofa,review,2,2025-03-05,desk
cy,sofa,view,,2025-03-06,desk
"""
CATALOGUE = "product,price,room\nlamp,20,hall\nsofa,300,hall\nchair,60,kitchen\n"


def test_an_experiment_on_events_and_a_catalogue(run, folder):
    (folder / "log.csv").write_text(LOG)
    (folder / "shop.csv").write_text(CATALOGUE)
    asked = ("--data", "log.csv", "--candidates", "shop.csv")
    assert run("new", "experiment", "shop", *asked).exit_code == 0
    assert "no errors, no warnings." in run("check", "shop.gin").stdout
    text = (folder / "shop.gin").read_text()
    for line in (
        "    'when': 'timestamp',",
        "    'room': 'categorical candidate',",
        "    # 'device': 'categorical context'?",
        "    'review': 'stars',",
        "Tables.split = 'temporal'",
        "candidate/Tower.features = ['product', 'room', @price/Normalized()]",
        "    @buy/BinaryFeedback(),\n    @review/Ranking(),\n    @view/BinaryFeedback(),",
        "    @find_buy/Retrieval(),\n    @find_review/Retrieval(),\n    @find_view/Retrieval(),",
        "find_buy/Retrieval.label = 'buy'\nfind_buy/Retrieval.positive_from = 1.0",
        "find_review/Retrieval.label = 'review'\nfind_view/Retrieval.label = 'view'",
    ):
        assert f"{line}\n" in text
    trained = run("train", "shop.gin", "--run", "run", "--set", "Experiment.epochs = 1")
    assert trained.exit_code == 0, trained.output


def test_an_experiment_is_tested_on_the_user_s_own_rows(run, folder):
    (folder / "log.csv").write_text(LOG)
    (folder / "later.csv").write_text(LOG.splitlines()[0] + "\nann,sofa,buy,,2025-03-09,desk\n")
    asked = ("new", "experiment", "shop", "--data", "log.csv")
    assert run(*asked, "--test", "later.csv").exit_code == 0
    text = (folder / "shop.gin").read_text()
    assert "\nTables.split = {'test': 'later.csv'}\n" in text
    assert "test_fraction" not in text
    assert "no errors, no warnings." in run("check", "shop.gin").stdout
    trained = run("train", "shop.gin", "--run", "run", "--set", "Experiment.epochs = 1")
    assert trained.exit_code == 0, trained.output
    assert "later.csv: 1 rows read, 1 accepted" in trained.stderr
    (folder / "other.csv").write_text("customer,what\nann,buy\n")
    refused = run(*asked, "--test", "other.csv", "--overwrite")
    assert refused.exit_code == 1
    assert 'other.csv lacks the columns "product"' in refused.stderr


def test_nothing_is_overwritten_unless_told(run, folder):
    (folder / "log.csv").write_text("user,item\nann,x\nbob,y\n")
    (folder / "mine.gin").write_text("# my own\n")
    refused = run("new", "experiment", "mine", "--data", "log.csv")
    assert refused.exit_code == 1
    assert "mine.gin exists." in refused.stderr
    assert (folder / "mine.gin").read_text() == "# my own\n"
    assert run("new", "experiment", "mine", "--data", "log.csv", "--overwrite").exit_code == 0
    assert "'user': 'query key'" in (folder / "mine.gin").read_text()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--data", "none.csv"], "none.csv is not a file"),
        (["--data", "log.csv"], "No column of log.csv has a name that suggests a candidate key."),
        (
            ["--data", "log.csv", "--candidate", "thng"],
            'log.csv lacks the column "thng". Did you mean "thing"?',
        ),
        (
            ["--data", "log.csv", "--candidate", "thing", "--label", "colour"],
            'The column "colour" of log.csv cannot be a label: not all values are numbers.',
        ),
        (
            ["--data", "log.csv", "--candidate", "thing", "--label", "same"],
            'The column "same" of log.csv cannot be a label: it holds nothing but',
        ),
        (["--data", "empty.csv"], "empty.csv holds no rows."),
        (
            ["--data", "log.csv", "--candidate", "thing", "--candidates", "shop.csv"],
            'shop.csv lacks the column "thing".',
        ),
    ],
)
def test_an_experiment_that_cannot_be_guessed(options, found, run, folder):
    (folder / "log.csv").write_text("user,thing,colour,same\nann,x,red,1\nbob,y,red,1\n")
    (folder / "shop.csv").write_text(CATALOGUE)
    (folder / "empty.csv").write_text("user,item\n")
    result = run("new", "experiment", "mine", *options)
    assert result.exit_code == 1
    assert found in result.stderr
    assert not (folder / "mine.gin").exists()


@pytest.mark.parametrize("name", ["Stay", "stay-time", "7stay", "über", "stay__time", "a b", ""])
def test_bad_names_are_refused(name, run, folder):
    before = set(folder.iterdir())
    result = run("new", "task", name)
    assert result.exit_code == 1
    assert f'The name "{name}" cannot be that of a Python module.' in result.stderr
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("class", 'The name "class" is a Python keyword'),
        ("stay_", 'The name "stay_" is a Python keyword, or begins or ends with an underscore.'),
        ("ranking", 'There is a task "ranking" already.'),
        ("numpy", 'There is a module "numpy" already.'),
        ("json", 'There is a module "json" already.'),
    ],
)
def test_taken_names_are_refused(name, found, run):
    result = run("new", "task", name)
    assert result.exit_code == 1
    assert found in result.stderr


def test_a_folder_that_cannot_be_written(run, folder, free_names):
    (folder / "file").write_text("")
    result = run("new", "task", "stay_time", "--folder", "file/below")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
