"""The clauses of a feature's contract, one function each."""

from typing import get_args

import numpy as np

from mtframework.errors import MtframeworkError
from mtframework.schema.schema import Column
from mtframework.testing.example_columns import KindOfColumn, column_of, unknown_rows
from mtframework.testing.example_model import NUM_ROWS, train, values_of
from mtframework.testing.feature_case import FeatureCase, rows_of, tensors_of
from mtframework.testing.frozen import check_stays_frozen
from mtframework.testing.model_clauses import (
    check_compiles,
    check_half_precision,
    check_saves,
    check_trains,
    fit_both_ways,
    require_compute_dtype,
)


def check_reads(case: FeatureCase) -> None:
    """It says what it reads, and refuses other columns and what is known too late."""
    fix = 'Write reads = ("numeric",), or what it can read, and call super().check in check.'
    kinds = get_args(KindOfColumn)
    with case.clause("reads", fix) as clause:
        feature = case.make()
        clause.require(
            feature.reads and set(feature.reads) <= set(kinds),
            f"reads is {feature.reads!r}.",
            f"One or more of {', '.join(kinds)}.",
        )
        for kind in feature.reads:
            feature.check(column_of(feature.column, kind, "context"))
        others = [kind for kind in kinds if kind not in feature.reads]
        refused = {kind: column_of(feature.column, kind, "context") for kind in others}
        refused["label"] = Column(feature.column, "numeric", "label")
        for kind, column in refused.items():
            try:
                feature.check(column)
            except MtframeworkError:
                continue
            clause.require(False, f"check accepts a {kind} column.", "An error of it.")


def check_shapes(case: FeatureCase) -> None:
    """There is one vector of `units` numbers a row."""
    fix = "Set units in build, and return [batch, units] from call."
    with case.clause("shapes", fix) as clause:
        for made in case.models():
            units = made.feature.units
            for num_rows in (NUM_ROWS, 1, 0):
                values = rows_of(made.values, slice(num_rows))
                vectors = clause.require_finite(f"Of {num_rows} rows, call", made.vectors(values))
                clause.require(
                    vectors.shape == (num_rows, units),
                    f"The vectors of {num_rows} rows have the shape {vectors.shape}.",
                    f"({num_rows}, {units}).",
                )
                length = made.feature.squared_length(tensors_of(values))
                shape = None if length is None else tuple(length.shape)
                clause.require(
                    shape in (None, (num_rows,)),
                    f"squared_length of {num_rows} rows has the shape {shape}.",
                    f"({num_rows},), or None where there is no embedding.",
                    "Return one number a row from squared_length.",
                )


def check_rows(case: FeatureCase) -> None:
    """A row has one vector, alone and in any batch."""
    fix = "Compute each row's vector from that row alone; learn what is of all rows in adapt."
    with case.clause("rows", fix) as clause:
        for made in case.models():
            together = made.vectors(made.values)
            for num_rows in (9, 1):
                clause.require_close(
                    f"The vector of a row in a batch of {num_rows}",
                    made.vectors(rows_of(made.values, slice(num_rows))),
                    together[:num_rows],
                    f"that of the same row in a batch of {NUM_ROWS}",
                )


def check_unknown_values(case: FeatureCase) -> None:
    """Categories never seen in training, and later times, have finite vectors."""
    fix = "Give id 0, which stands for every unknown value, a finite vector, and so later times."
    with case.clause("unknown values", fix) as clause:
        for made in case.models():
            unknown = made.values_of(unknown_rows(made.data))
            clause.require_finite("The vector of a value never met", made.vectors(unknown))


def check_adapt(case: FeatureCase) -> None:
    """What is learned is the same in any order of rows, finite of equal ones, and stays."""
    fix = "Learn in adapt, from all rows alike, into weights with trainable=False."
    with case.clause("adapt", fix) as clause:
        for data in case.datasets():
            values = case.make().pick(data.encode(data.train).__getitem__)
            forwards, backwards = (
                case.alone(data, values),
                case.alone(data, rows_of(values, slice(None, None, -1))),
            )
            pairs = zip(
                forwards.non_trainable_variables, backwards.non_trainable_variables, strict=True
            )
            for one, other in pairs:
                clause.require_close(
                    f"What {other.path} learns of the rows backwards", other, one, "that forwards"
                )
            same = rows_of(values, np.zeros(NUM_ROWS, int))
            of_equal = case.alone(data, same)(tensors_of(same))
            clause.require_finite("Where all training rows are equal, the vector", of_equal)
        for made in case.models():
            learned = made.feature.non_trainable_variables
            before = values_of(learned)
            train(made.model, made.data.encode(made.data.train))
            for variable, old in zip(learned, before, strict=True):
                clause.require_close(
                    f"After training, {variable.path}", variable, old, "what adapt learned"
                )


def check_compilation(case: FeatureCase) -> None:
    """A training step compiles, and is compiled once for batches of one shape."""
    fix = "Use keras.ops on tensors, no Python numbers made of them, and fixed shapes."
    with case.clause("compilation", fix) as clause:
        for made in case.models():
            fit = fit_both_ways(made.model, made.data)
            check_compiles(clause, made.model, fit, made.feature, "call")


def check_gradients(case: FeatureCase) -> None:
    """Every trainable weight of the feature learns."""
    fix = "Use every weight in call, and make what adapt learns with trainable=False."
    with case.clause("gradients", fix) as clause:
        for made in case.models():
            check_trains(clause, made.model, made.data, made.feature.trainable_variables)


def check_frozen(case: FeatureCase) -> None:
    """With trainable = False its weights stay, in a clone and a loaded model as well."""
    fix = "Begin get_config with super().get_config(), and assign no weights in call."
    with case.clause("frozen", fix) as clause:
        for made in case.models():
            check_stays_frozen(clause, made.model, made.data, made.of)


def check_weights_by_id(case: FeatureCase) -> None:
    """What a warm start moves id by id has a row for each id."""
    fix = "Return in weights_by_id the feature's weights whose first axis is ids, and no others."
    with case.clause("weights by id", fix) as clause:
        for made in case.models():
            own = {id(weight) for weight in made.feature.weights}
            for column, weights in made.feature.weights_by_column().items():
                vocabulary = made.data.vocabularies.get(column)
                size = None if vocabulary is None else vocabulary.size
                for weight in weights:
                    clause.require(
                        id(weight) in own and weight.shape[:1] == (size,),
                        f"{weight.path} has the shape {tuple(weight.shape)}.",
                        "No weights by id of a column without ids."
                        if size is None
                        else f"A weight of the feature with {size} rows.",
                    )


def check_saving(case: FeatureCase) -> None:
    """A saved model predicts the same when it is loaded."""
    fix = "Keep what adapt learns in weights, made by add_weight in build."
    with case.clause("saving", fix) as clause:
        for made in case.models():
            check_saves(clause, made.model, made.data)


def check_precision(case: FeatureCase) -> None:
    """In half precision vectors are of floats, and everything is finite."""
    fix = "Compute what could overflow in float32, and cast it to self.compute_dtype."
    with case.clause("half precision", fix) as clause:
        for kind in range(len(case.make().reads)):

            def adapted_model(kind=kind):
                made = list(case.models())[kind]
                vectors = made.vectors(made.values)
                require_compute_dtype(clause, "vector", vectors, made.feature)
                return made.model, made.data

            check_half_precision(clause, adapted_model)


CLAUSES = {
    "reads": check_reads,
    "shapes": check_shapes,
    "rows": check_rows,
    "unknown values": check_unknown_values,
    "adapt": check_adapt,
    "compilation": check_compilation,
    "gradients": check_gradients,
    "frozen": check_frozen,
    "weights by id": check_weights_by_id,
    "saving": check_saving,
    "half precision": check_precision,
}
