"""What `mtframework new` writes and refuses; tests/test_new_user.py uses what it writes."""

import ast

import pytest


@pytest.fixture
def free_names(monkeypatch):
    """Spares the look at what is registered, which takes seconds in a fresh process."""
    import mtframework.cli.new

    monkeypatch.setattr(mtframework.cli.new, "_check_free", lambda *arguments: None)


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


def test_an_experiment_takes_any_column_names(run, folder, free_names):
    names = ("it's $10", 'a "b"', "c\\d")
    options = zip(("--query", "--candidate", "--label"), names, strict=True)
    result = run("new", "experiment", "mine", *(part for option in options for part in option))
    assert result.exit_code == 0, result.output
    rows = 'it\'s $10,"a ""b""",c\\d\nann,x,1\nbob,y,\nann,y,2\nbob,x,3\nann,x,2\n'
    (folder / "interactions.csv").write_text(rows)
    checked = run("check", "mine.gin")
    assert "mine.gin: no errors, no warnings." in checked.stdout, checked.output
    prepared = run("data", "prepare", "mine_data", "--plugin", "mine_data.py")
    assert "4 rows to train on, 1 to test on, 2 candidates." in prepared.stdout, prepared.output
    (folder / "interactions.csv").write_text(rows.replace("bob,x,3", "bob,x,three"))
    refused = run("data", "prepare", "mine_data", "--plugin", "mine_data.py")
    assert 'Row 4 of interactions.csv has "c\\d" = "three".' in refused.stderr
    (folder / "interactions.csv").write_text("who,what\n")
    refused = run("data", "prepare", "mine_data", "--plugin", "mine_data.py")
    assert 'interactions.csv has no column "it\'s $10".' in refused.stderr
    (folder / "interactions.csv").unlink()
    refused = run("data", "prepare", "mine_data", "--plugin", "mine_data.py")
    assert "interactions.csv cannot be read" in refused.stderr


def test_nothing_is_overwritten_unless_told(run, folder, free_names):
    (folder / "mine_data.py").write_text("# my own\n")
    refused = run("new", "experiment", "mine")
    assert refused.exit_code == 1
    assert "mine_data.py exists." in refused.stderr
    assert not (folder / "mine.gin").exists()
    assert (folder / "mine_data.py").read_text() == "# my own\n"
    assert run("new", "experiment", "mine", "--overwrite").exit_code == 0
    assert "class MineData" in (folder / "mine_data.py").read_text()


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
        ("class", 'The name "class" is a word of Python'),
        ("stay_", 'The name "stay_" is a word of Python, or begins or ends with an underscore.'),
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
