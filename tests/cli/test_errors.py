"""What a plugin, Keras or the disk raises reaches the user as one message with a line."""

import re

import pytest

PART = '''
import numpy as np
import mtframework as mtf
from keras import ops
from mtframework.registry import register_task


@register_task("{name}")
class {cls}(mtf.Ranking):
    """Breaks."""

    def {method}:
        {body}
'''

BROKEN = {
    "in its loss": (
        "BreaksInLoss",
        "example_losses(self, labels, predictions, inputs)",
        "raise KeyError('no such thing')",
        "stars/BreaksInLoss() of breaks_in_loss failed while training: KeyError: 'no such thing'",
        3,
    ),
    "in a Keras layer": (
        "BreaksInHead",
        "call(self, inputs, training=None)",
        "return self.head(ops.ones((2, 3)))",
        "stars/BreaksInHead() of breaks_in_head failed: ValueError: Exception "
        "encountered when calling",
        3,
    ),
    "by an error of the framework": (
        "BreaksInAdapt",
        "adapt(self, columns, ids)",
        "raise mtf.MtframeworkError('The label is wrong.', 'Another.', 'Take another label.')",
        "The label is wrong.",
        4,
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_error_while_training_has_the_line_of_its_part(kind, run, folder):
    cls, method, body, message, line = BROKEN[kind]
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", cls).lower()
    text = PART.format(name=module, cls=cls, method=method, body=body)
    (folder / f"{module}.py").write_text(text)
    (folder / "broken.gin").write_text(
        f"include 'joint.gin'\nimport {module}\nMultiTaskModel.tasks = [@stars/{cls}()]\n"
        f"stars/{cls}.label = 'stars'\n"
    )
    result = run("train", "broken.gin", "--trust")
    assert result.exit_code == 1
    assert len(re.findall("^Error: ", result.stderr, re.MULTILINE)) == 1
    assert f"Error: broken.gin:{line}: {message}" in result.stderr
    assert "  expected: " in result.stderr
    assert "  fix: " in result.stderr
    assert "Traceback" not in result.stderr
    assert "Arguments received" not in result.stderr
    debugged = run("train", "broken.gin", "--debug", "--trust")
    assert "Traceback (most recent call last)" in debugged.stderr
    assert f'{module}.py", line' in debugged.stderr


def test_check_shows_a_plugin_s_author_where_it_crashed(run, folder):
    text = PART.format(
        name="breaks_in_call",
        cls="BreaksInCall",
        method="call(self, inputs, training=None)",
        body="return {}['no such tower']",
    )
    (folder / "breaks_in_call.py").write_text(text)
    (folder / "broken.gin").write_text(
        "include 'joint.gin'\nMultiTaskModel.tasks = [@stars/BreaksInCall()]\n"
        "stars/BreaksInCall.label = 'stars'\n"
    )
    for command in ("check", "show"):
        asked = (command, "broken.gin", "--plugin", "breaks_in_call.py")
        told = run(*asked).stderr
        assert "Error: broken.gin:2: stars/BreaksInCall() of breaks_in_call failed: KeyErr" in told
        assert "Traceback" not in told
        assert 'breaks_in_call.py", line' in run(*asked, "--debug").stderr


def test_file_that_cannot_be_written_is_one_message(run, folder):
    (folder / "taken.json").mkdir()
    result = run("list", "datasets", "--json", "taken.json")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert "taken.json" in result.stderr
    assert "fix: " in result.stderr
    assert "not foreseen" not in result.stderr
