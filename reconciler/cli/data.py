"""Commands about training data: validate, data stats, data diff. Nothing leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import Scope

if TYPE_CHECKING:
    from reconciler.dataset.examine import Question
    from reconciler.dataset.facts import Reading
    from reconciler.errors import Problem
    from reconciler.report.data import Subject


class Findings(StrEnum):
    """How findings are written to stdout."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    GITHUB = "github"


class Figures(StrEnum):
    """How figures are written to stdout."""

    TEXT = "text"
    JSON = "json"


class Method(StrEnum):
    """The methods whose examples can be checked."""

    SUPERVISED = "supervised"
    DPO = "dpo"


MethodOption = Annotated[
    Method | None,
    typer.Option("--method", help="What its lines are. [default: what the first lines are]"),
]
ModelOption = Annotated[
    str,
    typer.Option("--model", metavar="BASE", help="The base it is meant for: limits and prices."),
]

data_app = typer.Typer(help="Figures about training data.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command("validate")(validate)
    data_app.command("stats")(stats)
    data_app.command("diff")(diff)
    app.add_typer(data_app, name="data")


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Specs (files, folders) or datasets (*.jsonl). [default: specs]"),
    ] = None,
    method: MethodOption = None,
    model: ModelOption = "",
    accept: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="Accept this rule's findings.")
    ] = None,
    output: Annotated[Findings, typer.Option("--output", "-o")] = Findings.TEXT,
) -> int:
    """Check specs and datasets; nothing leaves the machine, no key is needed."""
    files = [path for path in paths or () if _is_dataset(path)]
    specs = [path for path in paths or () if path not in files]
    _check_options(accept or (), is_used=bool(files), is_given=bool(accept or method or model))
    problems: list[Problem] = []
    sentences: list[str] = []
    with terminal.screen() as screen:
        if specs or not files:
            found, sentence = _check_specs(specs, screen)
            problems += _placed(found, Scope().root, output)
            sentences += sentence
        for path in files:
            found, sentence = _check_file(path, method, model, accept or (), screen)
            problems += _placed(found, Path.cwd(), output)
            sentences += sentence
    _show(problems, output)
    if sentences and output in (Findings.TEXT, Findings.MARKDOWN):
        terminal.result("\n".join(sentences))
    return Exit.ERROR if _has_errors(problems) else Exit.DONE


def stats(
    file: Annotated[Path, typer.Argument(help="A dataset (*.jsonl).")],
    method: MethodOption = None,
    model: ModelOption = "",
    output: Annotated[Figures, typer.Option("--output", "-o")] = Figures.TEXT,
) -> int:
    """Show what a dataset is like: tokens by role, lengths, cost."""
    from reconciler.report.data import stats_json, stats_text

    with terminal.screen() as screen:
        question, reading = _read(file, method, model, screen)
    subject = _subject(file, question, model)
    show = stats_json if output is Figures.JSON else stats_text
    terminal.result(show(subject, reading))
    return Exit.DONE


def diff(
    files: Annotated[
        list[Path], typer.Argument(metavar="OLD NEW", help="Or one FILE with --against.")
    ],
    against: Annotated[
        str, typer.Option(metavar="REF", help="Compare with the file at this Git revision.")
    ] = "",
    method: MethodOption = None,
    model: ModelOption = "",
    output: Annotated[Figures, typer.Option("--output", "-o")] = Figures.TEXT,
) -> int:
    """Show what changed: examples added, removed and edited, by what they say."""
    from reconciler.dataset.compare import compare
    from reconciler.report.data import diff_json, diff_text

    with _two(files, against) as (old, new, name):
        question = _question(new, method, model)
        old_name = f"{new} at {against}" if against else ""
        found = compare(old, new, question.method, question.encoding, old_name=old_name)
    show = diff_json if output is Figures.JSON else diff_text
    terminal.result(show(_subject(new, question, model), name, found))
    return Exit.DONE


# ---- specs and files -------------------------------------------------------------------------


def _is_dataset(path: Path) -> bool:
    """A file that is no spec, or would be a dataset by its name if it were there."""
    from reconciler.errors import UsageError

    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{path} is neither a file nor a folder; a dataset is read from a file")
    is_other = path.is_file() and path.suffix not in (".yaml", ".yml")
    return is_other or (path.suffix == ".jsonl" and not path.is_dir())


def _check_options(accept: Sequence[str], *, is_used: bool, is_given: bool) -> None:
    """A specs' options stand in the specs; and a rule that is accepted exists."""
    from reconciler.dataset.rules import RULES
    from reconciler.errors import UsageError

    if is_given and not is_used:
        message = "--method, --model and --accept are for dataset files: specs have their own"
        raise UsageError(message)
    for rule in accept:
        if rule not in RULES:
            raise UsageError(f"there is no rule {rule}; they are listed in docs/dataset-rules.md")
        if RULES[rule].is_firm:
            raise UsageError(f"{rule} can't be accepted: what breaks it could not be checked")


def _check_specs(
    specs: Sequence[Path], screen: terminal.Screen
) -> tuple[Sequence[Problem], list[str]]:
    from reconciler.dataset.cache import open_cache
    from reconciler.errors import InvalidInput
    from reconciler.load import load

    folders = [path.absolute() for path in specs] or None
    try:
        loaded = load(
            Scope().root,
            folders,
            count_tokens=True,
            cache=open_cache(os.environ),
            progress=screen.examined,
        )
    except InvalidInput as error:
        return error.problems, []
    count, examples = (
        len(loaded.specs),
        sum(spec.training.examples for spec in loaded.specs if spec.training),
    )
    valid = "1 spec is valid" if count == 1 else f"{count} specs are valid"
    return loaded.warnings, [f"{valid}; {examples:,} training examples"]


def _check_file(
    path: Path, method: Method | None, model: str, accept: Sequence[str], screen: terminal.Screen
) -> tuple[Sequence[Problem], list[str]]:
    from reconciler.dataset.report import problems

    if flaw := _unreadable(path):
        return (flaw,), []
    question, reading = _read(path, method, model, screen)
    found = problems(reading, str(path), frozenset(accept))
    if _has_errors(found):
        return found, []
    facts = f"{reading.examples:,} {question.method} examples, {reading.stats.tokens:,} tokens"
    return found, [f"{path} is valid; {facts}"]


def _placed(problems: Sequence[Problem], folder: Path, output: Findings) -> Sequence[Problem]:
    """Problems as the reader of the format looks for their files."""
    if output not in (Findings.GITHUB, Findings.SARIF):
        return problems
    from reconciler.github import in_repository

    return in_repository(problems, folder, os.environ)


def _unreadable(path: Path) -> Problem | None:
    """What keeps the file from being read; found before that, so that others are still told."""
    from reconciler.errors import Problem

    if not path.is_file():
        found, remedy = "no such file", "Correct the path."
    elif not os.access(path, os.R_OK):
        found, remedy = "a file that you may not read", "Give yourself the right to read it."
    else:
        return None
    return Problem(str(path), 0, 0, "PATH204", "", found, "a dataset file", remedy)


def _has_errors(problems: Sequence[Problem]) -> bool:
    from reconciler.errors import Severity

    return any(problem.severity is Severity.ERROR for problem in problems)


def _read(
    path: Path, method: Method | None, model: str, screen: terminal.Screen
) -> tuple[Question, Reading]:
    from reconciler.dataset.cache import open_cache
    from reconciler.dataset.read import read_dataset

    question = _question(path, method, model)
    cache = open_cache(os.environ)
    read = cache.reading if cache else read_dataset
    shown, size = str(path), path.stat().st_size
    reading = read(
        path.absolute(), question, progress=lambda count: screen.examined(shown, size, count)
    )
    return question, reading


def _question(path: Path, method: Method | None, model: str) -> Question:
    from reconciler.catalog import DEFAULT_ENCODING, load_catalog
    from reconciler.dataset.examine import Question
    from reconciler.dataset.read import method_of
    from reconciler.errors import UsageError

    _check_is_file(path)
    row = load_catalog().base(model) if model else None
    if model and row is None:
        known = ", ".join(row.id for row in load_catalog().models)
        raise UsageError(f"the catalog has no base {model}; it has {known}")
    return Question(
        method=method_of(path) if method is None else method.value,
        encoding=row.encoding if row else DEFAULT_ENCODING,
        example_limit=row.example_tokens if row else None,
        takes_images=row.images if row else None,
    )


def _check_is_file(path: Path) -> None:
    from reconciler.errors import UsageError

    if not path.is_file():
        raise UsageError(f"{path} is not a file")


def _subject(path: Path, question: Question, model: str) -> Subject:
    from reconciler.catalog import load_catalog
    from reconciler.cost import training_price
    from reconciler.report.data import Subject

    price = training_price(model, load_catalog(), {})[0] if model else None
    return Subject(str(path), question.method, model, price)


@contextmanager
def _two(files: Sequence[Path], against: str) -> Iterator[tuple[Path, Path, str]]:
    """The old and the new file, and what the old one is called."""
    from reconciler.errors import UsageError
    from reconciler.load.history import earlier_file

    if len(files) == 2 and not against:
        _check_is_file(files[0])
        yield files[0], files[1], str(files[0])
    elif len(files) == 1 and against:
        with earlier_file(files[0], against) as old:
            if old is None:
                message = f"Git has no {files[0]} at {against}"
                raise UsageError(message)
            yield old, files[0], against
    else:
        message = "give OLD and NEW, or one FILE with --against REF"
        raise UsageError(message)


# ---- findings --------------------------------------------------------------------------------


def _show(problems: Sequence[Problem], output: Findings) -> None:
    text = _written(tuple(problems), output)
    if text:
        terminal.result(text)


def _written(problems: tuple[Problem, ...], output: Findings) -> str:
    """The findings in the wanted format; empty where there is nothing to tell."""
    from reconciler.report.problems import problems_json, problems_text

    match output:
        case Findings.JSON:
            return problems_json(problems)
        case Findings.SARIF:
            return _sarif(problems)
        case Findings.GITHUB:
            from reconciler.report.annotations import problem_annotations

            return problem_annotations(problems)
        case Findings.MARKDOWN:
            from reconciler.report.markdown import problems_markdown

            return problems_markdown(problems) if problems else ""
        case Findings.TEXT:
            return problems_text(problems) if problems else ""
        case _:
            assert_never(output)


def _sarif(problems: tuple[Problem, ...]) -> str:
    from reconciler import __version__
    from reconciler.dataset.rules import RULES
    from reconciler.load.rules import RULES as SPEC_RULES
    from reconciler.report.sarif import sarif_log

    return sarif_log(problems, {**SPEC_RULES, **RULES}, __version__)
