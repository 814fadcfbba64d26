"""`mtframework show`."""

from mtframework.cli import options


def show(
    experiment: options.Experiment,
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    seed: options.Seed = None,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Show the whole configuration of an experiment, and its model as a picture.

    Each value comes with the line that it is from. The picture is there for an experiment without
    mistakes.
    """
    from mtframework.cli.quiet import choose_numpy, run_again, start_keras, without_stderr

    on_numpy = not plugin and choose_numpy()
    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import tell_finding
    from mtframework.cli.picture import picture_of

    loaded = config.load(experiment, options.with_seed(bindings, seed), plugin or (), trust)
    findings = loaded.check()
    if on_numpy and findings and loaded.depends_on_plugins:
        run_again()
    table = output.table("argument", "value", "from", numbers_from=3)
    values = loaded.values()
    for value in values:
        style = "dim" if value.origin == "default" else None
        table.add_row(value.key, value.text, value.origin, style=style)
    console = output.console()
    console.print(table)
    if not loaded.is_fragment and not any(each.is_error for each in findings):
        output.heading(console, loaded.name)
        with without_stderr(debug):  # Keras imports TensorFlow to describe a feature
            picture = picture_of(loaded.build)
        console.print(picture)
    for finding in findings:
        tell_finding(finding, debug)
    output.write_json(
        json,
        [{"key": each.key, "value": each.text, "from": each.origin} for each in values],
    )


COMMANDS = (show,)
