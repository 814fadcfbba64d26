"""`mtframework evaluate`."""

from mtframework.cli import options


def evaluate(
    run: options.RunFolder,
    split: options.Split = "test",
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Evaluate a trained model: each task's metrics on rows that it has not seen."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework.cli import output
    from mtframework.cli.finished_run import load_experiment, load_run
    from mtframework.evaluation.evaluate import evaluate as evaluate_model

    opened = load_run(run, plugin, trust)
    experiment = load_experiment(opened, plugin, trust)
    metrics = evaluate_model(opened.load_model(), experiment.dataset.load(), split)
    lines = output.table("metric", split)
    for name, value in metrics.items():
        lines.add_row(name, output.number(value))
    output.console().print(lines)
    for note in metrics.notes:
        output.console().print(f"Note: {note}", markup=False)
    output.write_json(json, metrics)


COMMANDS = (evaluate,)
