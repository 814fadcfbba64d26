"""`mtframework check`."""

import typer

from mtframework.cli import options


def check(
    experiments: options.Experiments,
    bindings: options.Set = None,
    plugin: options.Plugin = None,
    trust: options.Trust = False,
    json: options.Json = None,
    debug: options.Debug = False,
) -> None:
    """Report every mistake in experiments at once, without reading data.

    Exits with 1 if there is an error; warnings alone exit with 0.
    """
    from mtframework.cli.quiet import choose_numpy, run_again, start_keras

    on_numpy = not plugin and choose_numpy()
    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.cli.errors import tell_finding

    checked = []
    for path in experiments:
        loaded = config.load(path, bindings or (), plugin or (), trust)
        checked.append((path, loaded, loaded.check()))
        if on_numpy and checked[-1][-1] and loaded.depends_on_plugins:
            run_again()
    printer = output.console()
    reports = []
    num_errors = 0
    for path, loaded, findings in checked:
        errors = sum(finding.is_error for finding in findings)
        num_errors += errors
        for finding in findings:
            tell_finding(finding, debug)
        printer.print(
            f"{path}: {_counted(errors, 'error')}, {_counted(len(findings) - errors, 'warning')}"
            + f"; a fragment, which leaves {loaded.left_to_set} to set"
            * (loaded.is_fragment and not errors)
            + ".",
            soft_wrap=True,
        )
        reports += [{"experiment": str(path), **_plain(finding)} for finding in findings]
    output.write_json(json, reports)
    if num_errors:
        raise typer.Exit(1)


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'s' * (number != 1)}"


def _plain(finding) -> dict:
    return {
        "file": finding.location.source,
        "line": finding.location.line,
        "level": finding.level,
        "found": finding.found,
        "expected": finding.expected,
        "fix": finding.fix,
    }


COMMANDS = (check,)
