"""The clauses of a tower's contract, one function each."""

import numpy as np
from keras import ops

from mtframework.errors import ModelError, MtframeworkError
from mtframework.testing.clause import numbers
from mtframework.testing.example_columns import unknown_rows
from mtframework.testing.example_model import NUM_ROWS, Rows
from mtframework.testing.frozen import check_stays_frozen
from mtframework.testing.model_clauses import (
    check_compiles,
    check_half_precision,
    check_saves,
    check_trains,
    fit_both_ways,
    require_compute_dtype,
)
from mtframework.testing.tower_case import TowerCase


def check_columns(case: TowerCase) -> None:
    """The columns are known from the constructor on; a schema that lacks one is refused."""
    fix = "Return the names of all columns, key among them, from columns, and call super().check."
    with case.clause("columns", fix) as clause:
        tower = case.make()
        columns = tower.columns
        clause.require(
            isinstance(columns, tuple) and tower.key in columns,
            f'columns is {columns!r}, and key is "{tower.key}".',
            "A tuple of names, key among them.",
        )
        for name in columns:
            try:
                tower.check(case.schema(tower, without=name))
            except MtframeworkError:
                continue
            clause.require(
                False, f'check accepts a schema without the column "{name}".', "An error of it."
            )
        tower.check(case.schema(tower))


def check_adapt_first(case: TowerCase) -> None:
    """A model with the tower that is used before adapt asks for adapt."""
    fix = "Need nothing that build or adapt make before a model has called them."
    with case.clause("adapt first", fix) as clause:
        made = case.untrained()
        batch = {name: np.zeros(1, "int32") for name in made.model.feature_columns}
        for door in (made.model.predict, made.model.encode, made.model):
            told = "no error"
            try:
                door(batch)
            except ModelError as error:
                told = error.fix
            clause.require(
                "adapt" in told,
                f"A model that is used before adapt says: {told}.",
                "One error, which asks for model.adapt(dataset).",
            )


def check_shapes(case: TowerCase) -> None:
    """There is one embedding a row, and the penalty is a scalar."""
    fix = "Return [batch, embedding_dim] from call, in the dtype that the weights have there."
    with case.clause("shapes", fix) as clause:
        made = case.model()
        rows = made.data.encode(made.data.test)
        for num_rows in (NUM_ROWS, 1):
            some = _first(rows, num_rows)
            embeddings = clause.require_finite(f"Of {num_rows} rows, call", made.embed(some))
            expected = (num_rows, made.tower.embedding_dim)
            clause.require(
                embeddings.shape == expected,
                f"The embeddings of {num_rows} rows have the shape {embeddings.shape}.",
                f"{expected}.",
            )
        columns = {name: rows[name] for name in made.tower.columns}
        shape = np.shape(numbers(made.tower.penalty(columns)))
        clause.require(
            shape == (),
            f"penalty has the shape {shape}.",
            "().",
            "Return a scalar from penalty, such as a mean over the rows.",
        )


def check_rows(case: TowerCase) -> None:
    """A row has one embedding, alone and in any batch."""
    fix = "Compute each row's embedding from that row alone, where training is False."
    with case.clause("rows", fix) as clause:
        made = case.model()
        rows = made.data.encode(made.data.test)
        together = made.embed(rows)
        for num_rows in (9, 1):
            clause.require_close(
                f"The embedding of a row in a batch of {num_rows}",
                made.embed(_first(rows, num_rows)),
                together[:num_rows],
                f"that of the same row in a batch of {NUM_ROWS}",
            )


def check_unknown_values(case: TowerCase) -> None:
    """Categories never seen in training, and later times, have finite embeddings."""
    fix = "Give id 0, which stands for every unknown value, a row of each table of its own."
    with case.clause("unknown values", fix) as clause:
        made = case.model()
        unknown = made.embed(made.model.encode(unknown_rows(made.data)))
        clause.require_finite("The embedding of values never seen in training", unknown)


def check_determinism(case: TowerCase) -> None:
    """Where the tower says so, equal columns have equal embeddings in training, too."""
    fix = "Set is_deterministic = False, or draw nothing in call."
    with case.clause("determinism", fix) as clause:
        made = case.model()
        if not made.tower.is_deterministic:
            return
        rows = made.data.encode(made.data.test)
        equal = {name: np.repeat(column[:1], NUM_ROWS, axis=0) for name, column in rows.items()}
        embeddings = ops.convert_to_numpy(made.embed(equal, training=True))
        clause.require_close(
            "In training, the embedding of a row",
            embeddings[1:],
            np.repeat(embeddings[:1], NUM_ROWS - 1, axis=0),
            "that of an equal row",
        )


def check_compilation(case: TowerCase) -> None:
    """A training step compiles, and is compiled once for batches of one shape."""
    fix = "Use keras.ops on tensors, no Python numbers made of them, and fixed shapes."
    with case.clause("compilation", fix) as clause:
        made = case.model()
        check_compiles(clause, made.model, fit_both_ways(made.model, made.data), made.tower, "call")


def check_gradients(case: TowerCase) -> None:
    """Every weight of the tower learns."""
    fix = "Use every weight in call, and no operation that has no gradient."
    with case.clause("gradients", fix) as clause:
        made = case.model()
        check_trains(clause, made.model, made.data, made.tower.trainable_variables)


def check_frozen(case: TowerCase) -> None:
    """With trainable = False its weights stay, in a clone and a loaded model as well."""
    fix = "Begin get_config with super().get_config(), and assign no weights in call."
    with case.clause("frozen", fix) as clause:
        made = case.model()
        name = made.tower.name
        check_stays_frozen(clause, made.model, made.data, lambda model: model.towers[name])


def check_precompute(case: TowerCase) -> None:
    """What an export computes once gives what is computed in every call."""
    fix = "Read self.precomputed in call where it is not None, as HistoryTower does."
    with case.clause("precompute", fix) as clause:
        made = case.model()
        table = made.tower.precompute()
        if table is None:
            return
        rows = made.data.encode(made.data.test)
        expected = made.embed(rows)
        made.tower.precomputed = ops.convert_to_tensor(table)
        clause.require_close(
            "The embeddings that read precomputed", made.embed(rows), expected, "those without it"
        )


def check_weights_by_id(case: TowerCase) -> None:
    """What a warm start moves id by id has a row for each id."""
    fix = "Return in weights_by_id, by column, weights of the tower whose first axis is ids."
    with case.clause("weights by id", fix) as clause:
        made = case.model()
        own = {id(weight) for weight in made.tower.weights}
        for column, weights in made.tower.weights_by_id().items():
            vocabulary = made.data.vocabularies.get(column)
            size = None if vocabulary is None else vocabulary.size
            for weight in weights:
                clause.require(
                    id(weight) in own and weight.shape[:1] == (size,),
                    f'{weight.path}, by ids of "{column}", has the shape {tuple(weight.shape)}.',
                    f"A weight of the tower with {size} rows.",
                )


def check_saving(case: TowerCase) -> None:
    """A saved model predicts the same when it is loaded."""
    fix = "Make every weight in build, by add_weight or in a layer that build builds."
    with case.clause("saving", fix) as clause:
        made = case.model()
        check_saves(clause, made.model, made.data)


def check_precision(case: TowerCase) -> None:
    """In half precision embeddings have the compute dtype, and everything is finite."""
    fix = "Compute in self.compute_dtype: cast what comes in, and make constants of that dtype."
    with case.clause("half precision", fix) as clause:

        def embedded():
            made = case.model()
            embeddings = made.embed(made.data.encode(made.data.test))
            require_compute_dtype(clause, "embedding", embeddings, made.tower)
            return made.model, made.data

        check_half_precision(clause, embedded)


CLAUSES = {
    "columns": check_columns,
    "adapt first": check_adapt_first,
    "shapes": check_shapes,
    "rows": check_rows,
    "unknown values": check_unknown_values,
    "determinism": check_determinism,
    "compilation": check_compilation,
    "gradients": check_gradients,
    "frozen": check_frozen,
    "precompute": check_precompute,
    "weights by id": check_weights_by_id,
    "saving": check_saving,
    "half precision": check_precision,
}


def _first(rows: Rows, number: int) -> Rows:
    return {name: column[:number] for name, column in rows.items()}
