"""Files, includes and fragments."""

import pytest

from mtframework import config
from mtframework.config import includes
from mtframework.errors import ExperimentError


def errors_of(path):
    return [finding for finding in config.load(path).findings if finding.is_error]


def test_include_is_looked_for_beside_the_including_file_first(folder):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "rate.gin").write_text("Adagrad.learning_rate = 0.5")
    (folder / "rate.gin").write_text("Adagrad.learning_rate = 0.6")
    (inner / "variant.gin").write_text("include 'base.gin'\ninclude 'rate.gin'\n")
    loaded = config.load(inner / "variant.gin")
    assert "Adagrad.learning_rate = 0.5" in loaded.text
    [warning] = loaded.findings
    assert warning.level == "warning"
    assert warning.found == "'rate.gin' is inner/rate.gin, and rate.gin has that name too."


def test_include_is_looked_for_in_the_working_directory_next(folder):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "variant.gin").write_text("include 'base.gin'\n")
    assert errors_of(inner / "variant.gin") == []


def test_include_is_looked_for_in_the_package_last(folder):
    path = folder / "mine.gin"
    path.write_text("include 'tutorial/joint.gin'\n")
    assert errors_of(path) == []
    assert "@Adagrad()" in config.load(path).text


def test_shipped_experiment_can_be_named_from_anywhere(folder):
    assert config.load("tutorial/joint.gin").name == "joint"


def test_circle_of_two(folder):
    (folder / "a.gin").write_text("include 'b.gin'\n")
    (folder / "b.gin").write_text("include 'a.gin'\n")
    [error] = [each for each in errors_of(folder / "a.gin") if "circle" in each.found]
    assert str(error.location) == "b.gin:1"
    assert "a.gin -> b.gin -> a.gin" in error.found


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        (b"", 0, "The file is empty."),
        (b"# only a comment\n\xff\xfe", 2, "Byte 17 is not valid UTF-8."),
        ("Experiment.epochs = 1\n".encode("utf-16"), 1, "Byte 0 is not valid UTF-8."),
        (b"Experiment.epochs = 1\n# \0\n", 2, "The line holds a NUL character."),
        (b"#" * (includes.MAX_BYTES + 1), 0, "The file has 1,000,001 bytes."),
        (b"#" * 10_000_000, 0, "The file has 10,000,000 bytes."),
        (b"include 'odd.gin'", 1, "Files include each other in a circle: odd.gin -> odd.gin."),
    ],
)
def test_file_that_is_no_experiment_is_one_error(content, line, expected, folder):
    (folder / "odd.gin").write_bytes(content)
    [error] = errors_of(folder / "odd.gin")
    assert (error.found, error.location.line) == (expected, line)
    assert error.fix


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "9" * 5000])
def test_value_beyond_pythons_limits_is_one_error(value, folder):
    (folder / "deep.gin").write_text(f"include 'base.gin'\nExperiment.epochs = {value}\n")
    [error] = errors_of(folder / "deep.gin")
    assert error.found.startswith("This is not valid Gin: ")
    assert error.location.line == 2


def test_mark_that_editors_put_first_is_no_mistake(folder):
    (folder / "marked.gin").write_bytes(b"\xef\xbb\xbfinclude 'base.gin'\n")
    assert errors_of(folder / "marked.gin") == []


def test_file_that_does_not_exist(folder):
    [error] = errors_of(folder / "nowhere.gin")
    assert error.found == "The experiment does not exist."


def test_folder_is_told_from_a_file(folder):
    [error] = errors_of(folder)
    assert error.found == "The experiment is a folder."
    assert "base.gin" in error.fix


def test_fragment_says_what_it_leaves(write):
    loaded = config.load(write("rating/Ranking.loss_weight = %gin.REQUIRED"))
    assert loaded.is_fragment
    assert loaded.check() == []
    with pytest.raises(ExperimentError, match=r"it leaves rating/Ranking.loss_weight to be set"):
        loaded.build()


def test_required_is_known_by_its_short_name(write):
    assert config.load(write("rating/Ranking.loss_weight = %REQUIRED")).is_fragment


def test_fragment_without_experiment(folder):
    (folder / "wide.gin").write_text("Tower.embedding_dim = 64\n")
    assert config.load("wide.gin").is_fragment


def test_what_a_fragment_leaves_can_be_set_on_the_command_line(write):
    path = write("rating/Ranking.loss_weight = %gin.REQUIRED")
    loaded = config.load(path, ["rating/Ranking.loss_weight = 0.25"])
    assert not loaded.is_fragment
    assert loaded.build().model.tasks["rating"].loss_weight == 0.25


def test_fragment_binding_for_no_part_of_the_experiment_is_found(folder, write):
    (folder / "wide.gin").write_text("usr/Tower.embedding_dim = 64\n")
    [error] = errors_of(write("include 'wide.gin'"))
    assert str(error.location) == "wide.gin:1"
    assert 'Did you mean "user"?' in error.found


def test_experiment_that_lacks_a_part(folder):
    (folder / "half.gin").write_text("Experiment.batch_size = 16\n")
    found = [each.found for each in errors_of(folder / "half.gin")]
    assert found == [
        "Experiment.dataset is not set.",
        "Experiment.model is not set.",
        "Experiment.optimizer is not set.",
    ]
