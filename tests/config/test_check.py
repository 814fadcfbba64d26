"""Every kind of mistake, its line and its text. A variant's own text starts on line 2."""

import pytest

from mtframework import config
from mtframework.errors import MtframeworkError
from mtframework.registry import REGISTRIES


def findings_of(path, *bindings):
    return [str(finding) for finding in config.load(path, bindings).check()]


MISTAKES = {
    "unknown class": (
        "MultiTaskModel.tasks = [\n    @rating/Ranking(),\n    @watch/Retreival(),\n]",
        'variant.gin:4: error: There is no class Retreival. Did you mean "Retrieval"?',
    ),
    "unknown class to the left": (
        "rating/Rankin.label = 'user_rating'",
        'variant.gin:2: error: There is no class Rankin. Did you mean "Ranking"?',
    ),
    "unknown optimizer": (
        "Experiment.optimizer = @Adagrat()",
        'variant.gin:2: error: There is no class Adagrat. Did you mean "Adagrad"?',
    ),
    "unknown argument": (
        "rating/Ranking.los_weight = 2.0",
        'variant.gin:2: error: Ranking has no argument los_weight. Did you mean "loss_weight"?',
    ),
    "argument swallowed by Keras": (
        "Adagrad.clipnrm = 1.0",
        'variant.gin:2: error: Adagrad has no argument clipnrm. Did you mean "clipnorm"? '
        "Its **kwargs would have passed it on silently.",
    ),
    "unknown loss": (
        "rating/Ranking.loss = 'mean_square_error'",
        "variant.gin:2: error: The task \"rating\" has loss = 'mean_square_error'. "
        'Did you mean "mean_squared_error"?',
    ),
    "unknown metric": (
        "rating/Ranking.metrics = ['mae', 'rsme']",
        'variant.gin:2: error: The task "rating" names "rsme" in metrics, and there is no such '
        'metric. Did you mean "rmse"?',
    ),
    "unknown activation": (
        "rating/Ranking.activation = 'sigmoidd'",
        "variant.gin:2: error: rating/Ranking() cannot be made: ValueError",
    ),
    "unknown task in a balancer": (
        "MultiTaskModel.loss_balancer = @ScheduledWeights()\nScheduledWeights.tasks = ['wach']",
        'variant.gin:3: error: ScheduledWeights.tasks names "wach", and there is no such task. '
        'Did you mean "watch"?',
    ),
    "unknown task in the fusion": (
        "Experiment.fusion = @Fusion()\nFusion.weights = {'rating': 1.0, 'wach': -2.0}",
        'variant.gin:3: error: Fusion.weights has a weight of "wach", and there is no such task. '
        'Did you mean "watch"?',
    ),
    "weights of the fusion that are all 0": (
        "Experiment.fusion = @Fusion()\nFusion.weights = {'rating': 0.0}",
        "variant.gin:3: error: Fusion.weights is {'rating': 0.0}.",
    ),
    "scope misspelt where the object is made": (
        "MultiTaskModel.tasks = [@ratng/Ranking()]\nrating/Ranking.loss_weight = 2.0",
        "variant.gin:3: error: Nothing reads rating/Ranking.loss_weight: no object that is made "
        'has the scope "rating". Did you mean "ratng"? That one is at variant.gin:2.',
    ),
    "unknown scope": (
        "watsh/Retrieval.temperature = 2.0",
        'variant.gin:2: error: No reference has the scope "watsh". Did you mean "watch"?',
    ),
    "scope of another class": (
        "watch/Ranking.loss_weight = 2.0",
        'variant.gin:2: error: Nothing reads watch/Ranking.loss_weight: the scope "watch" is of '
        "Retrieval.",
    ),
    "unused binding": (
        "SGD.learning_rate = 0.1",
        "variant.gin:2: error: Nothing reads SGD.learning_rate.",
    ),
    "unused since the list changed": (
        "MultiTaskModel.tasks = [@rating/Ranking()]\nwatch/Retrieval.logq = False",
        "variant.gin:3: error: Nothing reads watch/Retrieval.logq",
    ),
    "misspelt column of a feature": (
        "user/Tower.features = ['user_id', @age/Bucketed()]\nage/Bucketed.column = 'raw_user_agee'",
        'variant.gin:3: error: The tower "user" reads the column "raw_user_agee". There is no '
        'column "raw_user_agee". Did you mean "raw_user_age"?',
    ),
    "column that a feature cannot read": (
        "user/Tower.features = ['user_id', @age/Bucketed()]\nage/Bucketed.column = 'user_gender'",
        'variant.gin:3: error: Bucketed reads the column "user_gender", which is categorical.',
    ),
    "label as a feature": (
        "user/Tower.features = ['user_id', 'user_rating']",
        'variant.gin:2: error: A tower reads the label column "user_rating" as a feature.',
    ),
    "argument of a feature": (
        "user/Tower.features = ['user_id', @age/Bucketed()]\nage/Bucketed.column = 'raw_user_age'\n"
        "age/Bucketed.num_buckets = 1",
        "variant.gin:4: error: A Bucketed has num_buckets = 1.",
    ),
    "feature without a column": (
        "user/Tower.features = ['user_id', @age/Bucketed()]",
        "variant.gin:2: error: age/Bucketed.column is not set.",
    ),
    "misspelt macro": (
        "rate = 0.1\nAdagrad.learning_rate = %rat",
        'variant.gin:3: error: There is no macro rat. Did you mean "rate"?',
    ),
    "unused macro": (
        "rate = 0.1\nAdagrad.learning_rate = %rat",
        'variant.gin:2: error: Nothing uses the macro rate. Did you mean "rat"?',
    ),
    "dot forgotten": (
        "MultiTaskModel_tasks = [@rating/Ranking()]",
        "variant.gin:2: error: Nothing uses the macro MultiTaskModel_tasks.",
    ),
    "circular macro": (
        "a = %b\nb = %a\nAdagrad.learning_rate = %a",
        "variant.gin:2: error: The macro a refers to itself: a -> b -> a.",
    ),
    "macro of an outer scope": (
        "rate = 0.1\nAdagrad.learning_rate = %slow/rate",
        'variant.gin:3: error: There is no macro slow/rate. Did you mean "rate"?',
    ),
    "macro that an outer scope of its name has": (
        "rate = 0.1\nAdagrad.learning_rate = %rate/slow",
        "variant.gin:3: error: There is no macro rate/slow.",
    ),
    "macro by the name of Gin's own": (
        "REQUIRED = 0.1\nAdagrad.learning_rate = %REQUIRED",
        "variant.gin:2: error: Nothing uses the macro REQUIRED.",
    ),
    "object made for itself": (
        "Experiment.optimizer = @LossScaleOptimizer()\n"
        "LossScaleOptimizer.inner_optimizer = @LossScaleOptimizer()",
        "variant.gin:3: error: LossScaleOptimizer() needs itself: "
        "keras.optimizers.LossScaleOptimizer -> keras.optimizers.LossScaleOptimizer.",
    ),
    "macro that makes two objects": (
        "tower = @user/Tower()\nMultiTaskModel.towers = [%tower, %tower, @movie/Tower()]",
        "variant.gin:2: error: The macro tower is used 2 times and makes a new Tower each time",
    ),
    "bound twice": (
        "rating/Ranking.loss_weight = 1.0\nrating/Ranking.loss_weight = 2.0",
        "variant.gin:3: error: rating/Ranking.loss_weight is bound twice: here and at "
        "variant.gin:2.",
    ),
    "text for a number": (
        "rating/Ranking.loss_weight = '2.0'",
        "variant.gin:2: error: rating/Ranking.loss_weight is '2.0'.\n  expected: A number.",
    ),
    "number for a text": (
        "rating/Ranking.label = 3",
        "variant.gin:2: error: rating/Ranking.label is 3.\n  expected: A text in quotes or None.",
    ),
    "fraction for a whole number": (
        "Experiment.epochs = 1.5",
        "variant.gin:2: error: Experiment.epochs is 1.5.\n  expected: A whole number.",
    ),
    "text where a list belongs": (
        "user/Tower.features = 'user_id'",
        "variant.gin:2: error: user/Tower.features is 'user_id'.\n"
        "  expected: A list, each a text in quotes or an object of Feature, such as @Bucketed().",
    ),
    "text for the list of tasks": (
        "MultiTaskModel.tasks = 'rating'",
        "variant.gin:2: error: MultiTaskModel.tasks is 'rating'.\n  expected: A list, each an "
        "object of Task",
    ),
    "wrong item of a list": (
        "rating/Ranking.hidden_units = [16, '8']",
        "variant.gin:2: error: rating/Ranking.hidden_units is [16, '8'].",
    ),
    "no such choice": (
        "watch/Retrieval.reduction = 'summ'",
        "variant.gin:2: error: watch/Retrieval.reduction is 'summ'. Did you mean \"sum\"?",
    ),
    "object of another kind": (
        "MultiTaskModel.tasks = [@rating/Ranking(), @watch/Tower()]",
        "variant.gin:2: error: MultiTaskModel.tasks is [@rating/Ranking(), @watch/Tower()].",
    ),
    "optimizer where a model belongs": (
        "Experiment.model = @Adagrad()",
        "variant.gin:2: error: Experiment.model is @Adagrad().",
    ),
    "wrong type for Keras": (
        "Adagrad.learning_rate = 'fast'",
        "variant.gin:2: error: Adagrad.learning_rate is 'fast'.",
    ),
    "wrong type behind a macro": (
        "rate = 'fast'\nAdagrad.learning_rate = %rate",
        "variant.gin:2: error: Adagrad.learning_rate is 'fast', by the macro rate.",
    ),
    "out of range": (
        "watch/Retrieval.temperature = 0.0",
        'variant.gin:2: error: The task "watch" has temperature = 0.0.',
    ),
    "negative weight": (
        "rating/Ranking.loss_weight = -5.0",
        'variant.gin:2: error: The task "rating" has loss_weight = -5.0.',
    ),
    "batch of none": (
        "Experiment.batch_size = 0",
        "variant.gin:2: error: The experiment has batch_size = 0.",
    ),
    "learning rate below zero": (
        "rate = -0.1\nAdagrad.learning_rate = %rate",
        "variant.gin:2: error: Adagrad.learning_rate is -0.1, by the macro rate.\n"
        "  expected: A number above 0.",
    ),
    "text for a number that Keras leaves out": (
        "Adagrad.clipnorm = 'much'",
        "variant.gin:2: error: Adagrad.clipnorm is 'much'.\n  expected: A number above 0.",
    ),
    "too large for a number": (
        "Adagrad.epsilon = 1e999",
        "variant.gin:2: error: Adagrad.epsilon is inf.\n  expected: Finite numbers.",
    ),
    "layer of no unit": (
        "rating/Ranking.hidden_units = [8, 0]",
        "variant.gin:2: error: The head has hidden_units = (8, 0).",
    ),
    "embedding of no number": (
        "Tower.embedding_dim = 0",
        'variant.gin:2: error: The tower "user" has embedding_dim = 0.',
    ),
    "more dropped than there is": (
        "user/Tower.dropout = 1.5",
        'variant.gin:2: error: The tower "user" has dropout = 1.5.',
    ),
    "text for a data set": (
        "Experiment.dataset = 'MovieLens100K'",
        "variant.gin:2: error: Experiment.dataset is 'MovieLens100K'.",
    ),
    "missing parentheses": (
        "MultiTaskModel.tasks = [@rating/Ranking, @watch/Retrieval()]",
        "variant.gin:2: error: @rating/Ranking is the class Ranking, not an object of it.\n"
        "  expected: An object: @rating/Ranking().\n  fix: Add the parentheses.",
    ),
    "unknown label": (
        "rating/Ranking.label = 'user_ratin'",
        'variant.gin:2: error: The task "rating" reads the column "user_ratin". There is no '
        'column "user_ratin". Did you mean "user_rating"?',
    ),
    "unknown feature": (
        "user/Tower.features = ['user_id', 'user_gendr']",
        'variant.gin:2: error: The tower "user" reads the column "user_gendr".',
    ),
    "required and unset": (
        "MultiTaskModel.tasks = [@rating/Ranking(), @watch/Retrieval(), @like/BinaryFeedback()]",
        'variant.gin:2: error: The task "like" (BinaryFeedback) has no label.',
    ),
    "task without a name": (
        "MultiTaskModel.tasks = [@Ranking(), @watch/Retrieval()]\nRanking.label = 'user_rating'",
        "variant.gin:2: error: This task has no name: @Ranking().",
    ),
    "two tasks with the same name": (
        "MultiTaskModel.tasks = [@rating/Ranking(), @watch/Retrieval(), @rating/BinaryFeedback()]",
        'variant.gin:2: error: Two tasks are named "rating": rating/BinaryFeedback() and, at '
        "variant.gin:2, rating/Ranking().",
    ),
    "unknown tower": (
        "watch/Retrieval.candidate = 'movi'",
        'variant.gin:2: error: The task "watch" has candidate = "movi", and there is no such '
        'tower. Did you mean "movie"?',
    ),
    "lopsided": (
        "watch/Retrieval.reduction = 'sum'",
        "base.gin:6: warning: At the start watch carries 99.9",
    ),
    "loss beyond float32": (
        "watch/Retrieval.loss_weight = 1e300",
        "variant.gin:2: warning: At the start the loss of watch, times its weight, is not a finite",
    ),
    "loss that is not a number": (
        "MultiTaskModel.tasks = [@watch/Retrieval(), @rating/Ranking()]\n"
        "rating/Ranking.loss = 'poisson'",
        "At the start the loss of rating, times its weight, is not a finite number.",
    ),
    "label that is categorical": (
        "rating/Ranking.label = 'movie_title'",
        'variant.gin:2: error: The task "rating" reads the column "movie_title" as label or '
        "weight, and it is categorical.",
    ),
    "missing include": (
        "include 'nowhere.gin'",
        "variant.gin:2: error: There is no file 'nowhere.gin' to include.",
    ),
    "include of itself": (
        "include 'variant.gin'",
        "variant.gin:2: error: Files include each other in a circle: variant.gin -> variant.gin.",
    ),
    "syntax error": (
        "rating/Ranking.loss_weight 2.0",
        "variant.gin:2: error: This is not valid Gin",
    ),
    "list for a key": (
        "Experiment.fusion = @Fusion()\nFusion.weights = {['rating']: 1.0}",
        "variant.gin:3: error: This is not valid Gin: The key ['rating'] cannot be a key",
    ),
    "bracket left open": ("MultiTaskModel.tasks = [@rating/Ranking(),", "variant.gin:"),
    "unknown import": (
        "import no_such_module",
        "variant.gin:2: error: There is no module no_such_module.",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_mistake_is_found_with_its_line_and_its_fix(kind, write):
    text, expected = MISTAKES[kind]
    assert any(expected in finding for finding in findings_of(write(text))), findings_of(
        write(text)
    )


def test_base_has_no_finding(folder):
    assert findings_of(folder / "base.gin") == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "rating/Ranking.hidden_units = []",
            "rating gives every query the same order of candidates: its head only adds up what the "
            "towers say.",
        ),
        (
            "MultiTaskModel.tasks = [@watch/Retrieval(), @love/Retrieval()]\n"
            "love/Retrieval.query = 'user'\nlove/Retrieval.candidate = 'movie'",
            "watch and love score every pair alike: both are the product of the same two "
            "embeddings.",
        ),
    ],
    ids=["additive head", "two retrievals"],
)
def test_what_cannot_be_told_apart_is_warned_of(lines, expected, write):
    (finding,) = config.load(write(lines)).check()
    assert (finding.level, finding.found) == ("warning", expected)


@pytest.mark.parametrize(
    "text",
    [
        "rating/Ranking.loss_weight = 2",  # a whole number is a number
        *(
            "MultiTaskModel.tasks = [@watch/Retrieval(), @love/Retrieval()]\n"
            f"love/Retrieval.query = 'user'\nlove/Retrieval.candidate = 'movie'\n{each}"
            for each in (
                "love/Retrieval.query_units = []",
                "love/Retrieval.candidate_bias = True",
                "MultiTaskModel.sharing = @MMoE()",
            )
        ),
        "rating/Ranking.hidden_units = (16, 8)",
        "rating/Ranking.missing_label = None",
        "watch/Retrieval.reduction = 'mean'",
        "rate = 0.3\nAdagrad.learning_rate = %rate",
        "Adagrad.learning_rate = @CosineDecay()\nCosineDecay.initial_learning_rate = 0.1\n"
        "CosineDecay.decay_steps = 100",
        "Tower.embedding_dim = 16\nmovie/Tower.hidden_units = [32]",
        "MultiTaskModel.tasks = [@rating/Ranking()]",  # base.gin's watch is not in use any more
        "keras.optimizers.Adagrad.epsilon = 1e-6",
        "rating/Ranking.name = 'stars'",
    ],
)
def test_what_is_right_is_not_found(text, write):
    assert findings_of(write(text)) == []


def test_all_mistakes_are_told_at_once_and_in_order(write):
    text = "rating/Ranking.los = 'x'\nSGD.momentum = 0.9\nAdagrad.epsilon = 'y'"
    lines = [finding.split(": ")[0] for finding in findings_of(write(text))]
    assert lines == ["variant.gin:2", "variant.gin:3", "variant.gin:4"]


def test_two_values_out_of_range_are_told_at_once(write):
    text = "rating/Ranking.loss_weight = -1.0\nwatch/Retrieval.temperature = -1.0"
    lines = [finding.split(": ")[0] for finding in findings_of(write(text))]
    assert lines == ["variant.gin:2", "variant.gin:3"]


def test_binding_above_an_include_that_undoes_it(folder):
    path = folder / "variant.gin"
    path.write_text("rating/Ranking.loss_weight = 2.0\ninclude 'base.gin'\n")
    assert (
        "variant.gin:1: error: rating/Ranking.loss_weight has no effect: the include at "
        "variant.gin:2 comes after it and binds it again, at base.gin:10." in findings_of(path)[0]
    )


def test_misspelt_scope_does_not_pass_as_something_left_to_set(folder, write):
    base = folder / "base.gin"
    base.write_text(base.read_text() + "watch/Retrieval.loss_weight = %gin.REQUIRED\n")
    found = findings_of(write("wtch/Retrieval.loss_weight = 2.0"))
    assert any('No reference has the scope "wtch". Did you mean "watch"?' in each for each in found)


def test_what_an_included_file_leaves_must_be_set(folder, write):
    base = folder / "base.gin"
    base.write_text(base.read_text() + "watch/Retrieval.loss_weight = %gin.REQUIRED\n")
    assert findings_of(write("Experiment.epochs = 2")) == [
        "variant.gin:1: error: watch/Retrieval.loss_weight is not set: base.gin:14 leaves it to "
        "the files that include it.\n  expected: A value.\n"
        "  fix: Add a line below the include: watch/Retrieval.loss_weight = ..."
    ]


def test_superseded_value_of_a_wrong_type_is_found(folder, write):
    base = folder / "base.gin"
    base.write_text(base.read_text().replace("[@rating/Ranking(), @watch/Retrieval()]", "'rating'"))
    found = findings_of(write("MultiTaskModel.tasks = [@rating/Ranking()]"))
    assert any("base.gin:6: error: MultiTaskModel.tasks is 'rating'." in each for each in found)


def test_object_is_blamed_on_the_argument_without_which_it_can_be_made(folder, write):
    (folder / "picky_towers.py").write_text(
        "import mtframework as mtf\n"
        "from mtframework.registry import register_tower\n\n\n"
        '@register_tower("picky")\n'
        "class PickyTower(mtf.Tower):\n"
        '    """A tower of a test."""\n\n'
        "    def __init__(self, name=None, features=(), taste=None):\n"
        "        super().__init__(name, features)\n"
        "        if taste is not None:\n"
        '            raise RuntimeError("No.")\n'
    )
    path = write(
        "import picky_towers\n"
        "MultiTaskModel.towers = [@user/PickyTower(), @movie/Tower()]\n"
        "user/PickyTower.features = ['user_id']\n"
        "user/PickyTower.taste = 'sweet'"
    )
    findings = config.load(path, trust=True).check()
    assert str(findings[0]).startswith(
        "variant.gin:5: error: user/PickyTower() cannot be made: RuntimeError: No."
    )


def test_second_include_that_undoes_the_first_variant(folder, write):
    write("rating/Ranking.loss_weight = 2.0", "heavy.gin")
    path = folder / "both.gin"
    path.write_text("include 'heavy.gin'\ninclude 'base.gin'\n")
    assert any("reads base.gin a second time" in finding for finding in findings_of(path))


def test_set_is_checked_like_a_line(folder):
    found = findings_of(folder / "base.gin", "rating/Ranking.loss_weight = 'a'")
    assert found[0].startswith(
        "--set rating/Ranking.loss_weight = 'a': error: rating/Ranking.loss_weight is 'a'."
    )


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        ("rating/Ranking.loss_weight", "cannot be read"),
        ("include 'base.gin'", "is not a binding"),
        ("a.b = 1\nc.d = 2", "is not a binding"),
    ],
)
def test_set_that_is_no_binding(binding, expected, folder):
    assert expected in findings_of(folder / "base.gin", binding)[0]


def test_error_names_the_first_mistake_and_holds_all(write):
    path = write("rating/Ranking.los = 'x'\nAdagrad.epsilon = 'y'")
    with pytest.raises(config.CheckError) as caught:
        config.load_experiment(path)
    assert str(caught.value).startswith(
        'variant.gin:2: Ranking has no argument los. Did you mean "loss"? '
        "(1 more: see mtframework check)"
    )
    assert len(caught.value.findings) == 2
    assert isinstance(caught.value, MtframeworkError)


def test_refused_argument_is_located_when_built(write):
    with pytest.raises(
        MtframeworkError, match=r'^variant.gin:2: The task "rating" has loss = '
    ) as caught:
        config.load_experiment(write("rating/Ranking.loss = 'nonsense'"))
    assert type(caught.value.__cause__).__module__ == "mtframework.errors"  # itself, not Gin's copy


def test_refused_object_is_located_where_it_is_referred_to(write):
    path = write("MultiTaskModel.tasks = [\n    @rating/Ranking(),\n    @like/BinaryFeedback(),\n]")
    with pytest.raises(MtframeworkError, match=r'^variant.gin:4: The task "like" .* has no label'):
        config.load_experiment(path)


@pytest.mark.parametrize(
    ("line", "found", "fix"),
    [
        ("user/Tower.embedding_dim = 16,", "The line ends in a comma.", "Remove the comma."),
        (
            "Experiment.batch_size = 2 ** 9",
            "Gin does not evaluate expressions.",
            "the number itself, 512.",
        ),
        ("watch/Retrieval.logq = False + 1", "Unable to", ""),
        ("watch/Retrieval.logq = false", "false is not how Python writes it", "Write False."),
        ("watch/Retrieval.num_hard_negatives = null", "null is not how", "Write None."),
        ("rating/Ranking.label = \u201cuser_rating\u201d", "typographic", "Type ' in their place."),
        ("Experiment.epochs: 3", "a colon where", "Write Experiment.epochs = ..."),
        ("Experiment.epochs = 3;", "ends in a semicolon", "Remove the semicolon."),
        ("rating/Ranking.hidden_units = [8,, 4]", "Two commas", "Remove one of them."),
        ("Experiment.optimizer = Adagrad()", "Adagrad() has no @", "Write @Adagrad()."),
        (
            "rating/Ranking.loss_weight = NaN",
            "NaN is not a number that Gin reads.",
            "finite number",
        ),
        ("rating/Ranking.loss_weight =\u00a00.25", "a no-break space", "Type a plain space"),
        (r"MovieLens100K.data_dir = 'D:\Ufos\ml'", "The backslashes of", "'D:/Ufos/ml'"),
        (r"MovieLens100K.data_dir = 'D:\temp\ml'", "The backslashes of", "'D:/temp/ml'"),
        ("MultiTaskModel.gradient_balancer = @MGDA()", '"MultipleGradientDescent"', "Correct"),
        ("MultiTaskModel.loss_balancer = @DWA()", '"DynamicWeightAverage"', "Correct"),
        ("rating/Ranking.metrics = [rmse]", "The word rmse is not in quotes", "a text: 'rmse'"),
        ("rating/Ranking.hidden_units = [8, null]", "null is not how", "Write None."),
        (
            "Experiment.fusion = @Fusion()\nFusion.weights = {'watch': 1.0, 'watch': 2.0}",
            "The key 'watch' appears twice in a dictionary",
            "Correct the line",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named_with_its_line_and_its_fix(write, line, found, fix):
    findings = [each for each in config.load(write(line)).check() if each.is_error]
    told = [each for each in findings if found in each.found and fix in each.fix]
    if found == "Unable to":  # of what nobody knows the fix, Gin's own words are told
        assert findings
        return
    assert told, findings
    assert told[0].location.line == 1 + len(line.splitlines())


def test_a_slip_in_a_binding_beside_the_file_has_the_same_fix(folder):
    [finding] = config.load("base.gin", ["watch/Retrieval.logq = true"]).findings
    assert "true is not how Python writes it." in finding.found
    assert finding.fix == "Write True."


def test_what_gin_says_holds_no_address(write):
    findings = config.load(write("Experiment.epochs = f(3)")).findings
    assert findings
    assert not any("0x" in each.found for each in findings)


@pytest.mark.parametrize(
    ("lines", "found", "where"),
    [
        (
            "watch/Retrieval.query = 'movie'\nwatch/Retrieval.candidate = 'user'",
            'The query tower "movie" of the task "watch" has the key "movie_title"',
            "base.gin",
        ),
        ("user/Tower.embedding_dim = 4", "compares embeddings of unequal sizes", "base.gin"),
    ],
)
def test_what_would_fail_on_any_rows_is_an_error(write, lines, found, where):
    [finding] = [each for each in config.load(write(lines)).check() if each.is_error]
    assert found in finding.found
    assert finding.location.source.endswith(where)
    assert finding.location.line


CRASHES = """
import mtframework as mtf

@mtf.register_task("slips")
class Slips(mtf.BinaryFeedback):
    "Slips in its call."

    def call(self, inputs, training=None):
        return {}["vistor"]
"""


def test_a_part_that_crashes_in_its_call_is_an_error(folder, write, monkeypatch):
    for registry in REGISTRIES.values():  # the part is forgotten afterwards
        monkeypatch.setattr(registry, "_parts", dict(registry._parts))
    (folder / "slipping_task.py").write_text(CRASHES)
    path = write(
        "MultiTaskModel.tasks = [@rating/Ranking(), @watch/Retrieval(), @like/Slips()]\n"
        "like/Slips.label = 'user_rating'\nlike/Slips.positive_from = 4.0"
    )
    loaded = config.load(path, (), [str(folder / "slipping_task.py")])
    [finding] = [each for each in loaded.check() if each.is_error]
    assert "like/Slips() of slipping_task failed: KeyError" in finding.found
    assert finding.location.line == 2


def test_a_base_may_set_what_only_the_including_file_refers_to(folder):
    text = (folder / "base.gin").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("MultiTaskModel.tasks",))]
    lines = [line for line in lines if not line.startswith("rating/")]
    (folder / "towers.gin").write_text("\n".join([*lines, "watch/Retrieval.logq = False"]))
    mine = folder / "mine.gin"
    mine.write_text("include 'towers.gin'\nMultiTaskModel.tasks = [@watch/Retrieval()]\n")
    assert [str(each) for each in config.load(mine).check() if each.is_error] == []
