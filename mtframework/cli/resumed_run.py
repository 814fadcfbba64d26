"""The run that `train --resume` goes on with. Imports Keras: for the command to import."""

from collections.abc import Sequence
from pathlib import Path

from mtframework.cli.errors import console
from mtframework.config import Loaded
from mtframework.errors import RunError
from mtframework.training.run import Run

_NUM_TOLD = 5


def resumed_run(loaded: Loaded, folder: Path | None, others: Sequence[str]) -> Run | None:
    """Opens the run to go on with; None where the folder is empty and the training begins.

    A finished one is returned as it is, without the checkpoints that its end may have left behind.

    Args:
        loaded: The experiment.
        folder: What `--run` says.
        others: The options that were given and that the folder has noted down itself.

    Raises:
        RunError: There is no such folder to name, it holds something else, or the experiment or
            its plugins are others than those that it was begun with.
    """
    if folder is None or others:
        raise RunError(
            "--resume was given " + ("without --run." if folder is None else f"with {others[0]}."),
            "The folder to go on in, and nothing more: --resume goes on with the same training, "
            "while --from begins a new one with the model of a finished run.",
            "Write --run DIR --resume; what the training began with is noted in the folder.",
        )
    run = Run(folder)
    if not run.holds_something():
        console().print(f"{folder} holds no training: it begins.")
        return None
    if run.model_path.is_file():
        finished = Run.open(folder)
        finished.remove_checkpoints()
        return finished
    run = Run.resume(folder)
    try:
        if run.checkpoints.paths():
            _check_unchanged(run, as_begun(loaded, run))
    except BaseException:
        run.close()
        raise
    return run


def as_begun(loaded: Loaded, run: Run) -> Loaded:
    """Returns an experiment with the new rows that a run was begun with, where it asks for such."""
    since = run.notes.get("since")
    return loaded if since is None else loaded.with_since(since)


def _check_unchanged(run: Run, loaded: Loaded) -> None:
    before = _settings(run.config_path.read_text("utf-8"))
    now = _settings(loaded.text)
    changed = [
        _told(key, before.get(key), now.get(key))
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    ]
    for plugin in loaded.plugin_files:
        kept = run.path / plugin.name
        if not kept.exists() or kept.read_bytes() != plugin.read_bytes():
            changed.append(f"{plugin} is another one than {kept}")
    if changed:
        more = f"; and {len(changed) - _NUM_TOLD} more" if len(changed) > _NUM_TOLD else ""
        told = "; ".join(changed[:_NUM_TOLD]) + more
        raise RunError(
            f"{run.path} was begun with another experiment: {told}.",
            "The same experiment, options and plugins as before the interruption.",
            f"Put them back as they were ({run.config_path} has the whole configuration), or begin "
            "anew in another folder.",
        )


def _settings(text: str) -> dict[str, str]:
    """Returns the statements of a resolved configuration, by what they set."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {key: value for key, _, value in (line.partition(" = ") for line in lines)}


def _told(key: str, before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return f"{key} is {'not set any more' if now is None else 'new'}"
    return f"{key} was {before} and is {now}"
