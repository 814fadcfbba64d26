"""Experiments in a folder of their own."""

import pytest

BASE = """
Experiment.dataset = @MovieLens100K()
Experiment.model = @MultiTaskModel()
Experiment.optimizer = @Adagrad()
MultiTaskModel.towers = [@user/Tower(), @movie/Tower()]
MultiTaskModel.tasks = [@rating/Ranking(), @watch/Retrieval()]
user/Tower.features = ['user_id']
movie/Tower.features = ['movie_title']
rating/Ranking.label = 'user_rating'
rating/Ranking.loss_weight = 0.5
watch/Retrieval.query = 'user'
watch/Retrieval.candidate = 'movie'
Adagrad.learning_rate = 0.1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory that holds base.gin, a whole experiment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.gin").write_text(BASE)
    return tmp_path


@pytest.fixture
def write(folder):
    """Writes a file that includes base.gin and then says something else; returns its path."""

    def write_variant(text: str, name: str = "variant.gin"):
        path = folder / name
        path.write_text(f"include 'base.gin'\n{text}\n")
        return path

    return write_variant
