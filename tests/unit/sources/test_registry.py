import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from augsearch.errors import AugsearchError
from augsearch.sources.base import Source
from augsearch.sources.classic import Classic
from augsearch.sources.folder import FolderSource
from augsearch.sources.function import CallableSource
from augsearch.sources.registry import create_source
from augsearch.sources.repeat import Repeat
from augsearch.study.schema.sources import (
    SOURCE_PLUGINS,
    CallableOptions,
    ClassicOptions,
    FolderOptions,
    PluginOptions,
    RepeatOptions,
)


class Plugin(Source):
    def __init__(self, strength):
        self.strength = strength

    def fit(self, train, context):
        raise NotImplementedError


class NoSource:
    pass


@pytest.fixture
def plugins(monkeypatch):
    known = EntryPoints(
        EntryPoint(name, f"{__name__}:{name}", SOURCE_PLUGINS)
        for name in ("Plugin", "NoSource", "Missing")
    )
    monkeypatch.setattr("augsearch.plugins.entry_points", lambda **wanted: known.select(**wanted))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())


def _this_module():
    import types

    module = types.ModuleType(__name__)
    module.Plugin, module.NoSource = Plugin, NoSource
    return module


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (ClassicOptions(kind="classic"), Classic),
        (RepeatOptions(kind="repeat"), Repeat),
        (FolderOptions(kind="folder", path="."), FolderSource),
        (CallableOptions(kind="callable", function="math:sqrt"), CallableSource),
    ],
)
def test_every_kind_gets_its_source(options, kind):
    assert type(create_source(options)) is kind


def test_a_plugin_gets_its_options_as_keywords(plugins):
    source = create_source(PluginOptions(kind="Plugin", options={"strength": 2}))
    assert isinstance(source, Plugin) and source.strength == 2


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("Plugin", {"strenght": 2}, "'Plugin'.*must take its options but raised TypeError"),
        ("Missing", {}, "raised AttributeError"),
        ("NoSource", {}, "must be a subclass of .*Source but gave a NoSource"),
        ("unknown", {}, "got 'unknown' \\(installed: Missing, NoSource, Plugin\\)"),
    ],
)
def test_plugins_that_do_not_fit_are_named(plugins, kind, options, message):
    with pytest.raises(AugsearchError, match=message):
        create_source(PluginOptions(kind=kind, options=options))


def test_classic_alone_does_not_import_torch():
    code = (
        "import sys\n"
        "from augsearch.sources.registry import create_source\n"
        "from augsearch.study.schema.sources import ClassicOptions\n"
        "create_source(ClassicOptions(kind='classic'))\n"
        "assert not {'torch', 'mlflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
