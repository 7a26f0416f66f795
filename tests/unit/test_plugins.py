"""Errors in the code of plugins: who raised them, where, and what its author wants to see."""

import sys
import types
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from augsearch.cli import entry as command_line
from augsearch.plugins import create_plugin, plugin_problem, raised

CODE = """\
class Mine:
    def __init__(self, size=1):
        if size < 1:
            self.refuse("size")

    def refuse(self, what):
        raise ValueError(f"no {what}")

    def fit(self, path):
        return open(path)

class Theirs:
    pass

def helper():
    return Mine().refuse("help")
"""


@pytest.fixture
def own_package(monkeypatch):
    """Install my_package.parts, which brings two plugins."""
    module = types.ModuleType("my_package.parts")
    exec(compile(CODE, "/site/my_package/parts.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "my_package", types.ModuleType("my_package"))
    monkeypatch.setitem(sys.modules, "my_package.parts", module)
    known = EntryPoints(
        [
            EntryPoint("mine", "my_package.parts:Mine", "augsearch.sources"),
            EntryPoint("theirs", "my_package.parts:Theirs", "augsearch.classifiers"),
            EntryPoint("pip", "my_package.parts:Theirs", "console_scripts"),
        ]
    )
    monkeypatch.setattr("augsearch.plugins.entry_points", lambda **wanted: known.select(**wanted))
    return module


def caught(call, *arguments):
    with pytest.raises(Exception) as info:
        call(*arguments)
    return info.value


def test_the_message_names_plugin_file_and_line(own_package):
    said = plugin_problem(caught(own_package.Mine().refuse, "luck"))
    first, *trace = said.splitlines()
    assert first == (
        "plugin 'mine' (my_package.parts:Mine) must be put right; the same command then goes on "
        "where it stopped. It raised ValueError: no luck "
        "(/site/my_package/parts.py, line 7, in refuse)"
    )
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "ValueError: no luck"


def test_the_traceback_begins_where_the_plugin_was_called(own_package):
    said = plugin_problem(caught(own_package.helper))
    assert __file__ not in said
    assert said.index("in helper") < said.rindex("line 7, in refuse")
    assert (
        "one of the plugins 'theirs' (my_package.parts:Theirs), 'mine' (my_package.parts:Mine)"
        in said
    )


def test_an_error_below_the_plugin_is_its_own(own_package):
    error = caught(own_package.Mine().fit, "/no/such/file")
    assert isinstance(error, FileNotFoundError)
    assert "(/site/my_package/parts.py, line 10, in fit)" in plugin_problem(error)


def test_what_no_plugin_raised_is_none_of_theirs(own_package):
    assert plugin_problem(caught(int, "a")) is None
    assert raised(caught(int, "a"), "my_package.parts") == (
        "ValueError: invalid literal for int() with base 10: 'a'"
    )


def test_an_error_while_it_is_built_says_where(own_package):
    error = caught(create_plugin, "augsearch.sources", "mine", {"size": 0}, object)
    assert "must take its options but raised ValueError: no size (/site/" in str(error)
    assert "line 4, in __init__" in str(error)


def test_the_command_line_ends_in_that_message(own_package, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "app", lambda **settings: own_package.Mine().fit("/no"))
    with pytest.raises(SystemExit, match="2"):
        command_line.main()
    said = capsys.readouterr().err
    assert said.startswith("augsearch: plugin 'mine' (my_package.parts:Mine) must be put right")
    assert "command_line" not in said
