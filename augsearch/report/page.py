"""Pages from templates: self-contained HTML, no network, no script, every text escaped."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from augsearch.report.figures.galleries import gallery_png
from augsearch.report.figures.palette import dark_style
from augsearch.report.words.sentences import metric_title, with_interval
from augsearch.study.results import Interval
from augsearch.study.settings import value_words


def page(template: str, **content: object) -> str:
    """Fill in a template of this room; it also gets `style`, the CSS of all pages.

    Args:
        template: Its file name.
        content: Its variables; strings are escaped, `Markup` is not.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["interval"] = _interval
    environment.filters["picture"] = gallery_png
    environment.filters["title"] = metric_title
    environment.filters["value"] = value_words
    style = Markup(_resource("style.css") + dark_style())
    return environment.from_string(_resource(template)).render(style=style, **content)


def _interval(interval: Interval | None, sign: bool = False) -> str:
    """Write a value and its interval, which is broken before the bracket only."""
    value, bracket, ends = with_interval(interval, sign).partition(" (")
    return Markup(f'{value} <span class="range">({ends}</span>') if bracket else value


def _resource(name: str) -> str:
    return (files("augsearch.report") / name).read_text(encoding="utf-8")
