"""The kinds of mistakes that one can make in an experiment, each as a way to break its files.

A break rewrites the text of one file, or adds a file of the user's own that includes the
experiment, and says where: nothing here asks the framework what is right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import keras
from hypothesis import assume
from hypothesis import strategies as st

STATEMENT = re.compile(
    r"^(?P<scope>[\w/]+/)?(?P<cls>\w+)\.(?P<argument>\w+) = (?P<value>\S.*(?:\n[ \]].*)*)", re.M
)
REFERENCE = re.compile(r"^[^#\n]*?@(?P<scope>\w+/)?(?P<cls>\w+)(?P<call>\(\))", re.M)
INCLUDE = re.compile(r"^include '(?P<path>.+)'", re.M)
NUMBER = re.compile(r"-?\d+(\.\d+)?")
OWN = "mine.gin"
"""A user's file that includes a shipped experiment."""


@dataclass(frozen=True)
class Break:
    """What was done to an experiment.

    Args:
        files: The text of every file that differs from what is shipped.
        experiment: The file to check.
        lines: Where the mistake stands, or whatever line may rightly be blamed: `(file, line)`.
        names: Where something was taken out, so that no line holds the mistake: its name.
        may_warn: Whether what may be meant, and deserves no more than a warning.
    """

    files: dict[str, str]
    experiment: str
    lines: frozenset[tuple[str, int]]
    names: str = ""
    may_warn: bool = False


@dataclass
class Shipped:
    """A shipped experiment that is about to be broken.

    Args:
        draw: Hypothesis's source of choices.
        experiment: The file to check.
        files: The text of the experiment's file and of those that it includes.
        beneath: The shipped file, of a sharing layer or a balancer, that is included as well.
    """

    draw: Callable
    experiment: str
    files: dict[str, str]
    beneath: str = ""

    @property
    def text(self) -> str:
        """Every statement of the experiment."""
        return "\n".join(self.files.values())

    def choose(self, pattern: re.Pattern, fits: Callable = lambda match: True):
        """Returns a file and a match of the pattern in it."""
        found = [
            (path, match)
            for path, text in self.files.items()
            for match in pattern.finditer(text)
            if fits(match)
        ]
        assume(found)
        return self.draw(st.sampled_from(found))

    def typo(self, word: str) -> str:
        """Returns the word as a hurried hand may write it."""
        position = self.draw(st.integers(1, len(word) - 1))
        letter = self.draw(st.sampled_from("aeioustrnlz"))
        before, after = word[:position], word[position:]
        written = self.draw(
            st.sampled_from(
                [
                    before + after[1:],
                    before + letter + after,
                    before + letter + after[1:],
                    before[:-1] + after[0] + before[-1] + after[1:],
                ]
            )
        )
        assume(written != word and written.isidentifier())
        return written

    def rewrite(self, path: str, match: re.Match, group: str, new: str, **more) -> Break:
        """Puts `new` in the place of a group of a match."""
        text = self.files[path]
        files = {**self.files, path: text[: match.start(group)] + new + text[match.end(group) :]}
        return self.at(files, path, match.start(group), **more)

    def insert(self, path: str, match: re.Match, new: str, line: int = 0, **more) -> Break:
        """Puts lines above a statement; `line` tells which of them holds the mistake."""
        text, at = self.files[path], match.start()
        files = {**self.files, path: f"{text[:at]}{new}\n{text[at:]}"}
        return self.at(files, path, at, line, **more)

    def at(self, files, path: str, position: int, line: int = 0, **more) -> Break:
        number = files[path][:position].count("\n") + 1 + line
        return Break(files, self.experiment, frozenset({(path, number)}), **more)

    def own(self, *lines: str, line: int = -1, **more) -> Break:
        """Adds a file that includes the experiment; `line` tells which line is the mistake."""
        above = [f"# {word}" for word in self.draw(st.lists(st.sampled_from("abc"), max_size=9))]
        text = [*above, f"include '{self.experiment}'", *lines]
        files = {**self.files, OWN: "\n".join(text) + "\n"}
        number = range(1, len(text) + 1)[line]
        return Break(files, OWN, frozenset({(OWN, number)}), **more)

    def has(self, *parts: str) -> bool:
        tasks = re.findall(r"^MultiTaskModel\.tasks = (.*(?:\n[ \]].*)*)", self.text, re.M)
        return all(part in tasks[0] for part in parts)  # the experiment's own file comes first


def class_of_binding(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT)
    return at.rewrite(path, match, "cls", at.typo(match["cls"]))


def class_of_object(at: Shipped) -> Break:
    path, match = at.choose(REFERENCE, lambda match: match["scope"] is None)
    return at.rewrite(path, match, "cls", at.typo(match["cls"]))


def class_of_task(at: Shipped) -> Break:
    tasks = {"rating": "Ranking", "watch": "Retrieval", "like": "BinaryFeedback"}
    name = at.draw(st.sampled_from(sorted(tasks)))
    return at.own(f"MultiTaskModel.tasks = [@{name}/{at.typo(tasks[name])}()]")


def optimizer(at: Shipped) -> Break:
    name = at.draw(st.sampled_from(["Adam", "AdamW", "Adagrad", "RMSprop", "Nadam", "Ftrl"]))
    written = at.typo(name)
    assume(not hasattr(keras.optimizers, written))  # AdamW without its W is right as well
    return at.own(f"Experiment.optimizer = @{written}()")


def argument(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT, lambda match: not match["cls"].startswith("Ada"))
    return at.rewrite(path, match, "argument", at.typo(match["argument"]))


def argument_of_keras(at: Shipped) -> Break:
    name = at.draw(st.sampled_from(["learning_rate", "clipnorm", "weight_decay", "use_ema"]))
    cls = "Adagrad" if "@Adagrad()" in at.text else "Adam"
    return at.own(f"{cls}.{at.typo(name)} = 0.5")


def task_name(at: Shipped) -> Break:
    name = at.typo("rating" if at.has("rating/") else "watch")
    if at.draw(st.booleans()):
        return at.own(
            "MultiTaskModel.loss_balancer = @ScheduledWeights()",
            f"ScheduledWeights.tasks = ['{name}']",
        )
    return at.own(
        "MultiTaskModel.tasks = [@click/BinaryFeedback(), @buy/BinaryFeedback()]",
        "BinaryFeedback.label = 'user_rating'",
        "BinaryFeedback.positive_from = 4.0",
        f"buy/BinaryFeedback.parent = '{at.typo('click')}'",
    )


def metric(at: Shipped) -> Break:
    name = at.draw(st.sampled_from(["rmse", "accuracy", "log_loss", "precision", "recall"]))
    return at.own(
        "MultiTaskModel.tasks = [@stars/Ranking()]",
        "stars/Ranking.label = 'user_rating'",
        f"stars/Ranking.metrics = ['{at.typo(name)}']",
    )


def loss(at: Shipped) -> Break:
    name = at.draw(st.sampled_from(["mean_squared_error", "huber", "poisson", "log_cosh"]))
    return at.own(
        "MultiTaskModel.tasks = [@stars/Ranking()]",
        "stars/Ranking.label = 'user_rating'",
        f"stars/Ranking.loss = '{at.typo(name)}'",
    )


def scope(at: Shipped) -> Break:
    pattern = at.draw(st.sampled_from([STATEMENT, REFERENCE]))
    path, match = at.choose(pattern, lambda match: match["scope"])
    return at.rewrite(path, match, "scope", f"{at.typo(match['scope'][:-1])}/")


def misspelt_macro(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT, lambda match: "%" not in match["value"])
    left = match[0].removesuffix(match["value"])
    lines = f"shared_value = {match['value']}\n{left}%{at.typo('shared_value')}"
    text = at.files[path]
    files = {**at.files, path: text[: match.start()] + lines + text[match.end() :]}
    return at.at(files, path, match.start(), line=lines.count("\n"))


def unused_macro(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT)
    name = at.draw(st.text("abcdefgh", min_size=3, max_size=9))
    left = at.draw(st.sampled_from([name, f"{match['cls']}_{match['argument']}"]))
    return at.insert(path, match, f"{left} = {at.draw(st.integers())}")


def unused_binding(at: Shipped) -> Break:
    others = ["SGD.momentum = 0.9", "Lion.beta_1 = 0.9", "Nadam.epsilon = 1e-6"]
    others += ["user/Ranking.loss_weight = 2.0", "movie/Retrieval.logq = False"]
    others += ["rating/Tower.embedding_dim = 8", "BinaryFeedback.positive_from = 4.0"]
    return at.own(at.draw(st.sampled_from(others)))


def bound_twice(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT)
    text = at.files[path]
    after = [each for each in STATEMENT.finditer(text) if each.start() > match.start()]
    if not after:
        assume(text.endswith("\n"))
        files = {**at.files, path: f"{text}{match[0]}\n"}
        return at.at(files, path, len(text))
    return at.insert(path, at.draw(st.sampled_from(after)), match[0])


_TEXTS = ["'much'", "'0.5'", "['a']", "{'a': 1}"]


def wrong_type(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT, lambda match: "REQUIRED" not in match["value"])
    value = match["value"]
    if NUMBER.fullmatch(value) or value in ("True", "False"):
        wrong = [*_TEXTS, "@Adam()", "None"]
    elif value.startswith("'"):
        wrong = ["7", "0.5", "True", "['a']", "@Adam()"]
    elif value.startswith("@"):
        wrong = ["7", "'much'", "[1]", "@CosineDecay()"]
    elif value.startswith("['") or value.startswith("[@"):
        wrong = ["7", "True", "[1]", "['a', 2]", "{'a': 1}", "@Adam()"]
    else:
        wrong = ["7", "True", "[0.5]", "[True]", "['a']", "{'a': 1}", "[@Adam()]"]
    return at.rewrite(path, match, "value", at.draw(st.sampled_from(wrong)))


_OUT_OF_RANGE = {
    "MultiTaskModel.tasks = [@{name}()]\n{name}.loss_weight": ["-{n}", "-0.{n}"],
    "Tower.embedding_dim": ["-{n}", "0"],
    "user/Tower.dropout": ["-0.{n}", "1.{n}", "{n}"],
    "movie/Tower.hidden_units": ["[-{n}]", "[{n}, 0]"],
    "Experiment.batch_size": ["-{n}", "0"],
    "Experiment.epochs": ["-{n}", "0"],
    "Experiment.seed": ["-{n}", "{n}00000000000"],
    "MovieLens100K.validation_fraction": ["-0.{n}", "1.{n}"],
    "{optimizer}.learning_rate": ["-{n}", "-0.{n}", "0", "1e999"],
    "{optimizer}.epsilon": ["-{n}", "-0.{n}"],
    "{optimizer}.clipnorm": ["-{n}", "0"],
    "{optimizer}.ema_momentum": ["1.{n}", "-0.{n}"],
    "MultiTaskModel.sharing = @MMoE()\nMMoE.num_experts": ["-{n}", "0"],
    "MultiTaskModel.sharing = @MMoE()\nMMoE.gate_dropout": ["1.{n}", "-0.{n}"],
}


def out_of_range(at: Shipped) -> Break:
    key = at.draw(st.sampled_from(sorted(_OUT_OF_RANGE)))
    value = at.draw(st.sampled_from(_OUT_OF_RANGE[key]))
    name = "rating/Ranking" if at.has("rating/") else "watch/Retrieval"
    cls = "Adagrad" if "@Adagrad()" in at.text else "Adam"
    value = value.format(n=at.draw(st.integers(1, 99)))
    return at.own(*f"{key.format(name=name, optimizer=cls)} = {value}".split("\n"))


def parentheses(at: Shipped) -> Break:
    path, match = at.choose(REFERENCE)
    return at.rewrite(path, match, "call", "")


def text_for_list(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT, lambda match: match["value"].startswith("["))
    words = re.findall(r"\w+", match["value"])
    text = at.draw(st.sampled_from([words[0], ", ".join(words), "".join(words)]))
    return at.rewrite(path, match, "value", f"'{text}'")


def macro_of_two(at: Shipped) -> Break:
    name = at.draw(st.text("abcdefgh", min_size=3, max_size=9))
    scope, features = at.draw(st.sampled_from([("user", "user_id"), ("movie", "movie_title")]))
    tower = f"{name} = @{at.draw(st.sampled_from(['', f'{scope}/']))}Tower()"
    towers = [f"%{name}", f"%{name}", "@user/Tower()", "@movie/Tower()"]
    towers = at.draw(st.permutations(towers))
    return at.own(
        f"{name}/Tower.features = ['{features}']" if "@T" in tower else "",
        tower,
        f"MultiTaskModel.towers = [{', '.join(towers)}]",
        line=-2,
    )


def label(at: Shipped) -> Break:
    name = at.typo("user_rating")
    task = at.draw(st.sampled_from(["like/BinaryFeedback", "stars/Ranking", "want/Retrieval"]))
    towers = [f"{task}.query = 'user'", f"{task}.candidate = 'movie'"]
    return at.own(
        f"MultiTaskModel.tasks = [@{task}(), @right/Ranking()]",
        "right/Ranking.label = 'user_rating'",
        *(towers if "want" in task else ()),
        f"{task}.label = '{name}'",
    )


def feature(at: Shipped) -> Break:
    scope, column = at.draw(st.sampled_from([("user", "user_id"), ("movie", "movie_title")]))
    listed = at.draw(st.permutations([column, at.typo(column)]))
    return at.own(f"{scope}/Tower.features = {list(listed)}")


REQUIRED = {
    "Experiment.dataset",
    "Experiment.model",
    "Experiment.optimizer",
    "MultiTaskModel.towers",
    "MultiTaskModel.tasks",
    "Tower.features",
    "Ranking.label",
    "Ranking.loss_weight",
    "Retrieval.loss_weight",
    "Retrieval.query",
    "Retrieval.candidate",
}


def required(at: Shipped) -> Break:
    def is_needed(match: re.Match) -> bool:
        key = match[0].removesuffix(f" = {match['value']}")
        bound = [each for each in STATEMENT.finditer(at.text) if each[0].startswith(f"{key} = ")]
        values = [each["value"] for each in bound if each["value"] != "%gin.REQUIRED"]
        return f"{match['cls']}.{match['argument']}" in REQUIRED and len(values) == 1

    path, match = at.choose(STATEMENT, is_needed)
    text = at.files[path]
    files = {**at.files, path: text[: match.start()] + text[match.end() + 1 :]}
    return at.at(files, path, match.start(), names=match["argument"])


def missing_include(at: Shipped) -> Break:
    path, match = at.choose(INCLUDE)
    folder, slash, name = match["path"].rpartition("/")
    return at.rewrite(path, match, "path", f"{folder}{slash}{at.typo(name[:-4])}.gin")


def include_elsewhere(at: Shipped) -> Break:
    """The user's own file by the name of a shipped one is taken, or the other way round."""
    path, _ = at.choose(STATEMENT)
    changed = at.files[path] + f"\n# {at.draw(st.integers())}\n"
    changed += f"Experiment.seed = {at.draw(st.integers(1, 999))}\n"
    text = f"include '{at.experiment}'\n"
    if path != at.experiment:
        text += f"include '{path}'\n"
    files = {**at.files, path: changed, OWN: text}
    line = 1 if path == at.experiment else 2
    return Break(files, OWN, frozenset({(OWN, line)}), may_warn=True)


def include_cycle(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT)
    target = at.draw(st.sampled_from(sorted({path, at.experiment})))
    return at.insert(path, match, f"include '{target}'")


def one_name(at: Shipped) -> Break:
    name = at.draw(st.text("abcdefgh", min_size=3, max_size=9))
    first, second = at.draw(st.permutations(["Ranking", "BinaryFeedback", "Ranking"]))[:2]
    space = at.draw(st.sampled_from([" ", "\n    "]))
    return at.own(
        f"{name}/Ranking.label = 'user_rating'",
        *([f"{name}/BinaryFeedback.label = 'user_rating'"] if first != second else ()),
        *f"MultiTaskModel.tasks = [@{name}/{first}(),{space}@{name}/{second}()]".split("\n"),
    )


def lopsided(at: Shipped) -> Break:
    assume(at.has("rating/", "watch/") and not at.beneath)
    if at.draw(st.booleans()):
        size = at.draw(st.integers(4000, 8192))
        lines = [f"Experiment.batch_size = {size}", "rating/Ranking.loss_weight = 0.01"]
        return at.own("watch/Retrieval.reduction = 'sum'", *lines, may_warn=True)
    key = at.draw(st.sampled_from(["rating/Ranking", "watch/Retrieval"]))
    weight = at.draw(st.integers(1, 99))
    lines = ["watch/Retrieval.reduction = 'mean'", f"{key}.loss_weight = 1e-{6 + weight % 9}"]
    return at.own(*lines, may_warn=True)


def no_gin(at: Shipped) -> Break:
    path, match = at.choose(STATEMENT)
    line = match[0].split("\n")[0]
    wrong = [line.replace(" =", ""), f"{line} ]", f"- {line}", f"{line}'"]
    broken = at.draw(st.sampled_from(wrong))
    text = at.files[path]
    files = {**at.files, path: text[: match.start()] + broken + text[match.start() + len(line) :]}
    first = at.at(files, path, match.start())
    # Python's tokenizer may tell it a line later.
    lines = {(path, number + more) for path, number in first.lines for more in range(3)}
    return Break(files, at.experiment, frozenset(lines))


def layout(at: Shipped) -> Break:
    """No mistake at all: comments, blank lines, and lists over several lines."""
    path, match = at.choose(STATEMENT)
    value = match["value"].replace("[", "[\n    ").replace(", ", ",  # one\n    ")
    value = re.sub(r"\]$", "\n]", value) if "'" not in value or "[" in value else match["value"]
    space = at.draw(st.lists(st.sampled_from(["", "# a comment"]), max_size=5))
    broken = at.rewrite(path, match, "value", "\n".join([value, *space]))
    return Break(broken.files, broken.experiment, frozenset())


KINDS = {
    "unknown class to the left": class_of_binding,
    "unknown class in a value": class_of_object,
    "unknown task class": class_of_task,
    "unknown optimizer": optimizer,
    "unknown parameter": argument,
    "parameter that Keras swallows": argument_of_keras,
    "unknown task": task_name,
    "unknown metric": metric,
    "unknown loss": loss,
    "unknown scope": scope,
    "misspelt macro": misspelt_macro,
    "unused macro": unused_macro,
    "unused binding": unused_binding,
    "bound twice": bound_twice,
    "wrong type": wrong_type,
    "out of range": out_of_range,
    "missing ()": parentheses,
    "text where a list belongs": text_for_list,
    "macro that makes two objects": macro_of_two,
    "unknown label": label,
    "unknown feature": feature,
    "required and unset": required,
    "missing include": missing_include,
    "ambiguous include": include_elsewhere,
    "include cycle": include_cycle,
    "two tasks with the same name": one_name,
    "lopsided losses": lopsided,
    "syntax error": no_gin,
    "layout only": layout,
}
