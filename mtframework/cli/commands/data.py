"""`mtframework data prepare`."""

from pathlib import Path
from typing import Annotated

import typer

from mtframework.cli import options


def prepare(
    dataset: Annotated[
        str, typer.Argument(help="A registered data set; see mtframework list datasets.")
    ] = "movielens_100k",
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="TFDS's data folder; by default TFDS_DATA_DIR or ~/tensorflow_datasets.",
            show_default=False,
        ),
    ] = None,
    raw_dir: Annotated[
        Path | None,
        typer.Option(
            "--raw-dir",
            help="A folder with the raw files, where they cannot be fetched.",
            show_default=False,
        ),
    ] = None,
    plugin: options.Plugin = None,
    debug: options.Debug = False,
) -> None:
    """Fetch a data set, check it and make it ready, so that training needs no network."""
    from mtframework.cli.quiet import start_keras

    start_keras(debug)
    from mtframework import config
    from mtframework.cli import output
    from mtframework.data.rows import num_rows_of
    from mtframework.registry import DATASETS

    config.load_parts(None, plugin or ())
    cls = DATASETS.get(dataset).cls
    folders = {"data_dir": data_dir, "raw_dir": raw_dir}
    given = {name: str(folder) for name, folder in folders.items() if folder}
    _check_arguments(dataset, cls, given)
    printer = output.console()
    loaded = cls(**given).load(progress=lambda text: printer.print(text))
    num_rows = {
        split: num_rows_of(rows) for split, rows in (("train", loaded.train), ("test", loaded.test))
    }
    printer.print(
        f"{loaded.name} is ready: {num_rows['train']:,} rows to train on, {num_rows['test']:,} to "
        f"test on, {len(loaded.catalogue[loaded.schema.candidate_key]):,} candidates."
    )


def _check_arguments(dataset: str, cls: type, given: dict[str, str]) -> None:
    from mtframework.errors import DataError
    from mtframework.registry import constructor_signature

    known = constructor_signature(cls).parameters
    for name in given:
        if name not in known:
            raise DataError(
                f"The data set {dataset} takes no {name}.",
                f"Its arguments: {', '.join(known) or 'none'}.",
                f"Leave --{name.replace('_', '-')} out.",
            )
    needed = [name for name, each in known.items() if each.default is each.empty]
    if needed:
        raise DataError(
            f"The data set {dataset} needs {' and '.join(needed)}.",
            "A data set that needs no arguments.",
            "Prepare the data set that it is built on.",
        )


GROUP = "Get the data of the reference experiments."
COMMANDS = (prepare,)
