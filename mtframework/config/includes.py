"""An experiment file and all that it includes, as one list of statements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import mtframework
from mtframework.config.finding import Finding
from mtframework.config.location import Location, shown_path
from mtframework.config.slips import backslashes, slip
from mtframework.config.syntax import Binding, Import, Include, parse

MAX_BYTES = 1_000_000
"""More than this is not an experiment but a data file that was named by mistake."""

COMMAND_LINE = Location("the command line")


@dataclass
class Source:
    """What an experiment's files say, in the order in which Gin reads it.

    Args:
        path: The experiment's file.
        bindings: Every binding, superseded ones as well.
        imports: Every import statement.
        plugin_files: The files that import statements and `--plugin` loaded.
        findings: What could not be read.
    """

    path: Path
    bindings: list[Binding] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    plugin_files: list[Path] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The experiment's name: its file's, without the ending."""
        return self.path.stem

    @property
    def location(self) -> Location:
        return Location(shown_path(self.path))


def read(path: Path, bindings: tuple[str, ...] = ()) -> Source:
    """Reads an experiment, what it includes, and bindings that are given beside it.

    An include is looked for in the folder of the file that includes it, then in the working
    directory, then among the experiments that come with the package.

    Args:
        path: The file, from the working directory or among the package's experiments.
        bindings: What `--set` gave: statements that come after the file's.
    """
    candidates = [candidate for candidate in (path, shipped_folder() / path) if candidate.is_file()]
    if not candidates:
        return Source(path, findings=[_missing_file(path)])
    source = Source(candidates[0])
    # The command line stands above the file as a file stands above what it includes.
    _read_file(source, candidates[0], ((COMMAND_LINE, Path()),))
    for text in bindings:
        _read_binding(source, text)
    return source


def shipped_folder() -> Path:
    """Returns the folder of the experiments that come with the package."""
    package = Path(mtframework.__file__).parent
    installed = package / "_gin"
    return installed if installed.is_dir() else package.parent / "gin"


def _read_file(source: Source, path: Path, includes: tuple[tuple[Location, Path], ...]) -> None:
    text = _text(source, path, includes)
    if text is None:
        return
    sites = tuple(site for site, _ in includes)
    shown = shown_path(path)
    try:
        for statement in parse(text, shown):
            match statement:
                case Binding():
                    source.bindings.append(replace(statement, includes=sites))
                case Import():
                    source.imports.append(statement)
                case Include():
                    _follow(source, path, statement, includes)
        source.findings += _escaped_paths(text, shown)
    except SyntaxError as error:
        source.findings.append(_no_gin(error, shown, text))


def _follow(
    source: Source, path: Path, include: Include, includes: tuple[tuple[Location, Path], ...]
) -> None:
    folders = (path.parent, Path(), shipped_folder())
    found = list(
        dict.fromkeys(
            (folder / include.path).resolve()
            for folder in folders
            if (folder / include.path).is_file()
        )
    )
    if not found:
        source.findings.append(_missing_include(include, folders))
        return
    open_files = [*(file for _, file in includes[1:]), path.resolve()]
    if found[0] in open_files:
        source.findings.append(_cycle(include, found[0], open_files))
        return
    for other in found[1:]:
        if other.read_bytes() != found[0].read_bytes():
            source.findings.append(_ambiguous_include(include, found[0], other))
    _read_file(source, found[0], (*includes, (include.location, path.resolve())))


def _read_binding(source: Source, text: str) -> None:
    location = Location(f"--set {text}")
    try:
        statements = list(parse(text, location.source))
    except SyntaxError as error:
        what, fix = slip(text) or (_said(error), None)
        source.findings.append(_no_binding(location, f"cannot be read: {what}", fix))
        return
    if len(statements) != 1 or not isinstance(statements[0], Binding):
        source.findings.append(_no_binding(location, "is not a binding"))
        return
    source.bindings.append(replace(statements[0], location=location))


def _text(source: Source, path: Path, includes) -> str | None:
    location = Location(shown_path(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            source.findings.append(
                Finding(
                    location,
                    f"The file has {path.stat().st_size:,} bytes.",
                    f"An experiment, of {MAX_BYTES:,} bytes at most.",
                    "Name the experiment's file; was a data file named?",
                )
            )
            return None
        text = path.read_text("utf-8").removeprefix("\ufeff")  # some editors begin with the mark
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        source.findings.append(
            Finding(
                Location(location.source, line),
                f"Byte {error.start} is not valid UTF-8.",
                "A text file in UTF-8.",
                "Save the file as UTF-8.",
            )
        )
        return None
    except OSError as error:
        source.findings.append(
            Finding(
                location,
                f"The file cannot be read: {error.strerror}.",
                "A file that can be read.",
                "Check its permissions.",
            )
        )
        return None
    if "\0" in text:
        source.findings.append(
            Finding(
                Location(location.source, text[: text.index("\0")].count("\n") + 1),
                "The line holds a NUL character.",
                "A text file.",
                "Name the experiment's file; was a binary file named?",
            )
        )
        return None
    if len(includes) == 1 and not text.strip():
        source.findings.append(
            Finding(
                location,
                "The file is empty.",
                "An experiment: bindings of Experiment, or an include of a file with them.",
                "Start from one of gin/movielens/.",
            )
        )
    return text


def _missing_file(path: Path) -> Finding:
    what = "is a folder" if path.is_dir() else "does not exist"
    fix = "Check the path."
    if path.is_dir():
        fix = f"Name one of its files: {', '.join(sorted(map(str, path.glob('*.gin')))) or 'none'}."
    return Finding(Location(str(path)), f"The experiment {what}.", "A .gin file.", fix)


def _escaped_paths(text: str, source: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        found = None if line.lstrip().startswith("#") else backslashes(line)
        if found is not None:
            what, fix = found
            yield Finding(Location(source, number), what, "A valid path.", fix)


def _no_gin(error: SyntaxError, source: str, text: str) -> Finding:
    number = error.lineno or 0
    lines = text.splitlines()
    line = (error.text or "").strip()
    # Gin looks one token ahead, so that the slip may be in the line before.
    for each in (number, number - 1):
        found = slip(lines[each - 1]) if 0 < each <= len(lines) else None
        if found is not None:
            what, fix = found
            return Finding(
                Location(source, each),
                f"This is not valid Gin: {what} The line is: {lines[each - 1].strip()}",
                "scope/Class.argument = value, with a plain Python value.",
                fix,
            )
    return Finding(
        Location(source, error.lineno or 0),
        f"This is not valid Gin: {_said(error)}" + f" The line is: {line}" * bool(line),
        "scope/Class.argument = value, name = value, include 'path', or import module.",
        "Correct the line, or the one before it.",
    )


def _said(error: SyntaxError) -> str:
    """Returns Gin's own words, without the address of what Python made of the text."""
    words = re.sub(r"malformed node or string.*?<.*?>\s*", "", str(error.msg), flags=re.DOTALL)
    return f"{words.strip().rstrip('.')}."


def _no_binding(location: Location, found: str, fix: str | None = None) -> Finding:
    return Finding(
        location,
        f"What --set was given {found.rstrip('.')}.",
        "One binding, such as rating/Ranking.loss_weight=0.3; a string is in quotes.",
        fix or "Correct it, and mind the shell's own quotes.",
    )


def _missing_include(include: Include, folders: tuple[Path, ...]) -> Finding:
    names = [shown_path(folder) for folder in folders]
    return Finding(
        include.location,
        f"There is no file '{include.path}' to include.",
        f"A path below one of {', '.join(dict.fromkeys(names))}.",
        "Correct the path; it starts at the folder of the file that includes.",
    )


def _cycle(include: Include, path: Path, open_files: list[Path]) -> Finding:
    ring = [*open_files[open_files.index(path) :], path]
    return Finding(
        include.location,
        f"Files include each other in a circle: {' -> '.join(map(shown_path, ring))}.",
        "Includes that end.",
        "Take this include out, or move what both files need into a third one.",
    )


def _ambiguous_include(include: Include, path: Path, other: Path) -> Finding:
    return Finding(
        include.location,
        f"'{include.path}' is {shown_path(path)}, and {shown_path(other)} has that name too.",
        "A path that means one file.",
        "If the other file is meant, give its path from this file's folder; else rename one.",
        level="warning",
    )
