"""The code blocks of docs/*.md and the READMEs are tests: `pytest docs/tutorial.md`.

The blocks of a page run in order, in one empty folder that Python looks for modules in:

    python or toml whose first line is `# NAME.SUFFIX` is written to that file; else
    python    is executed, or compared where it has `>>>`; the blocks of a page share their names
    toml      must be a valid study, by itself if it has data and arms, else together with the
              page's last study (or the quickstart)
    console   each `$ command` is run, `augsearch` in this process, and what it prints is compared
              with what is shown; `...` stands for anything, and runs of white space are alike

A comment before a block says what is special: `<!-- numbers vary -->` (neither numbers nor which
verdict it is are the same on every machine) or `<!-- not run: WHY -->` (commands, their options
and the repository's files must exist, Python must compile). `<!-- picture: NAME
from PATH -->` says which file that a page's commands made is a picture of the documentation, and
`PATH#HEADING` which part of a report. `pytest --rewrite-docs docs/PAGE.md` writes what was printed
into the page and puts the pictures beside it.
"""

import contextlib
import doctest
import gc
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

# One thread per process: two test workers share two cores, and OpenMP threads that wait for a core
# make everything many times slower. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# As augsearch has it, which is too late where another test has loaded MLflow before.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")

# As augsearch has it: what is imported is many objects, and none of them is garbage.
gc.set_threshold(50_000, 20)

ROOT = Path(__file__).parent
runpy.run_path(str(ROOT / "tests" / "quick_stores.py"))
SHOWN_AS = "/home/you/project"
"""What pages call the folder that they run in."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_UDIFF
OWN_FILES = re.compile(r"(?<![\w/.])(?:benchmarks|docker|docs|studies)/\w[\w./-]*|Makefile")
VERDICT = re.compile(r"^(?:Helps: |Harms: |No evidence ).*?(?= Note: |$)", re.MULTILINE)
"""The sentence of the verdict, without its note."""
AGREEMENT = re.compile(r"\b(?:poor|slight|fair|moderate|substantial|almost perfect)\b")
"""The words of Landis and Koch for a kappa."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest files first and the shortest, examples in docstrings, last: no worker is left
    # alone with a long one at the end.
    order = ("tests/end_to_end/", "docs/", "tests/", "")
    items.sort(key=lambda item: [item.nodeid.startswith(start) for start in order].index(True))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-docs", action="store_true", help="put real output into the pages")


@pytest.fixture(scope="session")
def rewrite(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-docs"))


def enter(names: dict[str, Any]) -> None:
    """Begin a page in an empty folder."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(mock.patch.object(sys, "path", [str(folder), *sys.path]))
        cache = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(mock.patch.dict(os.environ, XDG_CACHE_HOME=cache))
        names |= {"last study": ROOT / "studies" / "quickstart.toml", "rewritten": []}
        names["leave"] = stack.pop_all().close


def leave(names: dict[str, Any]) -> None:
    """End a page, and write what it should have shown if that was asked for."""
    for path, start, end, text in sorted(names["rewritten"], reverse=True):
        page = path.read_text(encoding="utf-8")
        path.write_text(page[:start] + text + page[end:], encoding="utf-8")
    names["leave"]()


def parse_blocks(document: Document) -> Iterator[Region]:
    """Yield the blocks of a page, each with what becomes of it."""
    for region in PythonCodeBlockParser(doctest_optionflags=FLAGS)(document):
        if isinstance(region.evaluator, PythonEvaluator):
            region.evaluator = run_python if file_name(region.parsed) is None else write
        yield region
    for language, run in {"toml": check_tables, "console": run_console}.items():
        for region in CodeBlockParser(language, run)(document):
            region.evaluator = run if file_name(region.parsed) is None else write
            yield region
    for found in re.finditer(r"<!-- picture: (\S+) from ([^#>]+?)(?:#([^>]*))? -->", document.text):
        yield Region(found.start(), found.end(), found.groups(), take_picture)


def file_name(block: str) -> str | None:
    """Return the name in the first line of a block that is a file."""
    found = re.match(r"# (\S+\.\w+)\n", block)
    return found and found[1]


def comment(example: Example) -> str:
    """Return what the comment right before a block says."""
    found = re.search(r"<!-- ([^>]*) -->\s*\Z", example.document.text[: example.region.start])
    return found[1] if found else ""


def write(example: Example) -> None:
    """Write a block to the file that it names; a study has to be valid."""
    from augsearch.study.loading import load_study_file

    path = Path(str(file_name(example.parsed)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed, encoding="utf-8")
    if path.suffix == ".toml" and "arms" in tomllib.loads(example.parsed):
        load_study_file(path)
        example.namespace["last study"] = path.resolve()


def run_python(example: Example) -> None:
    """Execute a block, or compile one that cannot run here."""
    if comment(example).startswith("not run: "):
        compile(example.parsed, example.path, "exec")
    else:
        PythonEvaluator()(example)


def check_tables(example: Example) -> None:
    """See whether a block is a study, or makes one in the place of the last study's tables.

    Of sources, classifiers and arms each is a table of its own.
    """
    from augsearch.study.rules.consistency import find_problems
    from augsearch.study.schema.study import StudyFile

    given, whole = tomllib.loads(example.parsed), {}
    if not {"data", "arms"} <= given.keys():
        whole = tomllib.loads(example.namespace["last study"].read_text(encoding="utf-8"))
    for key, table in given.items():
        named = key in ("sources", "classifiers", "arms")
        whole[key] = whole.get(key, {}) | table if named else table
    for table in (whole["data"], whole.get("external", {})):
        if "path" in table:  # the reader's images
            Path(table["path"]).touch()
    for source in whole.get("sources", {}).values():
        if source["kind"] == "folder":
            Path(source["path"]).mkdir(exist_ok=True)
    checked = StudyFile.model_validate({"name": "page"} | whole, context={"folder": Path.cwd()})
    problems = find_problems(checked)
    assert not problems, problems


def take_picture(example: Example) -> None:
    """See that the page's run made a picture, and put it beside the page if that was asked for."""
    name, made, heading = example.parsed
    there = Path(made).read_bytes()
    assert there if heading is None else f"<h2>{heading}</h2>".encode() in there or not heading
    if example.namespace["rewrite"]:
        target = Path(example.path).with_name(name)
        if heading is None:
            shutil.copyfile(made, target)
        else:
            draw = [sys.executable, str(ROOT / "docs" / "pictures.py"), "section"]
            subprocess.run([*draw, made, heading, str(target)], check=True)


def run_console(example: Example) -> str | None:
    """Run a block's commands and compare what they print, or parse those that cannot run here."""
    note, rewrite = comment(example), example.namespace["rewrite"]
    varies = note == "numbers vary" and not rewrite
    printed, failures = "", []
    for command, shown in commands(example.parsed):
        if note.startswith("not run: "):
            check_command(command)
            continue
        code, output = run_command(command)
        printed += f"$ {command}\n" + (output if shown.strip() else shown)
        if shown.strip():
            failures.append(difference(shown, output, varies))
        elif code:
            failures.append(f"{command}: exit code {code}\n{output}")
    if any(failures) and rewrite:
        start = example.region.start + example.parsed.offset
        short = re.sub(r"^(warning: .{90}\S*) .*", r"\1 ...", printed, flags=re.MULTILINE)
        place = (Path(example.path), start, start + len(example.parsed), short)
        example.namespace["rewritten"].append(place)
        return None
    return "\n".join(failures).strip() or None


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command, the lines that begin with "$ ", and what is shown below it."""
    for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = piece.splitlines(keepends=True)
        last = next(number for number, line in enumerate(lines) if not line.endswith("\\\n"))
        yield "".join(lines[: last + 1]).rstrip("\n"), "".join(lines[last + 1 :])


def run_command(command: str) -> tuple[int, str]:
    """Run a command in the page's folder -> exit code, what it printed on both outputs."""
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[0] == "augsearch" and not re.search(r"[|&;<>$]", command):
        code, output = run_augsearch(words)
    else:
        function = f'augsearch() {{ {shlex.quote(sys.executable)} -m augsearch "$@"; }}\n'
        search = os.pathsep.join([*sys.path[:1], os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            ["bash", "-c", function + command],
            env=os.environ | {"PYTHONPATH": search.rstrip(os.pathsep)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        code, output = done.returncode, done.stdout
    for place, shown in ((Path.cwd(), SHOWN_AS), (f"{Path(sys.executable).parent}/", "")):
        output = output.replace(str(place), shown)
    return code, re.sub(r"[ \t]+$", "", output, flags=re.MULTILINE)


def run_augsearch(words: list[str]) -> tuple[int, str]:
    from augsearch.cli import main

    output = io.StringIO()
    with (
        mock.patch.object(sys, "argv", words),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return int(ended.value.code or 0), output.getvalue()


def difference(shown: str, printed: str, varies: bool) -> str:
    """Return how what was printed differs from what is shown; empty if it does not."""
    want, got = (plain(text, varies) for text in (shown, printed))
    checker = doctest.OutputChecker()
    if checker.check_output(want, got, FLAGS):
        return ""
    return checker.output_difference(doctest.Example("", want), got, FLAGS)


def plain(text: str, varies: bool) -> str:
    """Return output without the widths of its tables and, if it varies, without its numbers."""
    text = re.sub(r"([━─])+", r"\1", text)
    if varies:
        text = re.sub(r"^warning: source .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"[+-]?\d[\d,.]*", "#", VERDICT.sub("(verdict)", text))
        text = AGREEMENT.sub("(agreement)", text)
        text = re.sub(r"│ # (?:s|min|h) +│", "│ # s │", text)  # on a busy machine
    return text


def check_command(command: str) -> None:
    """See that a command that cannot run here is one: its options and the files that it names."""
    import typer

    from augsearch.cli.entry import app

    for name in OWN_FILES.findall(command):
        assert (ROOT / name).exists(), f"{command}: there is no {name} in the repository"
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert {*words[1:]} <= {*targets}, f"{command}: the Makefile has {targets}"
    if "augsearch" not in words:
        return
    group, words = typer.main.get_command(app), words[words.index("augsearch") + 1 :]
    context = group.make_context("augsearch", list(words))
    while words and hasattr(group, "resolve_command"):
        name, group, words = group.resolve_command(context, words)
        context = group.make_context(name, list(words), parent=context)


pytest_collect_file = Sybil(
    parsers=[parse_blocks],
    path=str(ROOT),
    patterns=["docs/*.md", "docker/README.md", "README.md"],
    setup=enter,
    teardown=leave,
    fixtures=["rewrite"],
).pytest()
