import io
import math
import re

import pytest
from rich.console import Console

from augsearch.display import LiveDisplay, PlainDisplay, make_display, sparkline
from augsearch.events import (
    Advanced,
    SettingTried,
    StageStarted,
    TrainingLogged,
    TrialCompleted,
    Warned,
)
from augsearch.records import Evaluation

TRIALS = [
    TrialCompleted("search", Evaluation.of(multiple, [score]), best)
    for multiple, score, best in [
        (1, 0.7, Evaluation.of(1, [0.7])),
        (1.5, math.nan, Evaluation.of(1, [0.7])),
        (2, 0.8125, Evaluation.of(2, [0.8125])),
    ]
]
EVENTS = [
    StageStarted("source acgan"),
    Advanced(1, 40, "iterations"),
    TrainingLogged("acgan", 0, 1, {"loss": 1.0}),
    Warned("class '[bold]ill[/]' is small :warning:"),
    StageStarted("tune search"),
    Advanced(0, 2, "settings"),
    SettingTried("search", 0, {"head.epochs": 3, "weights": "[b]x"}, Evaluation.of(1, [0.5, 0.6])),
    StageStarted("search search"),
    *TRIALS,
    TrialCompleted("other", Evaluation.of(1, [math.nan]), None),
]
SETTING = "search: head.epochs 3, weights [b]x: score 0.5500"
WARNING = "warning: class '[bold]ill[/]' is small :warning:"


def console(terminal):
    # Wide and without colours, so that text is compared with text.
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, highlight=False
    )


def shown(display, events, screen):
    with display as show:
        for event in events:
            show(event)
    return screen.file.getvalue()


def test_off_a_terminal_one_line_per_stage_amount_and_warning():
    screen = console(terminal=False)
    assert shown(PlainDisplay(screen), EVENTS, screen).splitlines() == [
        "stage: source acgan",
        WARNING,
        "stage: tune search",
        SETTING,
        "stage: search search",
        "search: K = 1, score 0.7000, best 0.7000 at K = 1",
        "search: K = 1.5, score nan, best 0.7000 at K = 1",
        "search: K = 2, score 0.8125, best 0.8125 at K = 2",
        "other: K = 1, score nan",
    ]


def test_a_further_round_and_a_smoothed_best_are_called_so():
    events = [
        TrialCompleted("search", Evaluation.of(4, [0.75]), Evaluation(4, 0.7, (0.75,))),
        TrialCompleted("search", Evaluation.of(4, [0.5]), None, round_number=2),
    ]
    screen = console(terminal=False)
    assert shown(PlainDisplay(screen), events, screen).splitlines() == [
        "search: K = 4, score 0.7500, smoothed best 0.7000 at K = 4",
        "search: K = 4 (round 2), score 0.5000",
    ]
    screen = console(terminal=True)
    assert "search: █▁ K = 4 (round 2)\n" in shown(LiveDisplay(screen), events, screen)


def test_quiet_leaves_the_warnings():
    screen = console(terminal=False)
    assert shown(PlainDisplay(screen, trials=False), EVENTS, screen) == WARNING + "\n"


def test_a_terminal_shows_the_curve_of_every_arm_and_the_best():
    screen = console(terminal=True)
    text = shown(LiveDisplay(screen), EVENTS, screen)
    assert WARNING in text
    assert SETTING in text
    last = text[text.rindex("search: ") :]
    assert last.startswith("search: ▁·█ K = 2, best 0.812 at K = 2")
    assert "other: · K = 1\n" in last
    assert "stage: search search" in last


def test_a_long_curve_leaves_room_for_the_best():
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, soft_wrap=True)
    with LiveDisplay(screen) as show:
        for multiple in range(1, 100):
            one = Evaluation.of(multiple, [multiple / 100])
            show(TrialCompleted("search", one, one))
    assert "█ K = 99, best 0.990 at K = 99" in screen.file.getvalue()


def test_a_terminal_shows_how_far_the_stage_is():
    screen = console(terminal=True)
    display = LiveDisplay(screen)
    with display as show:
        show(StageStarted("source acgan"))
        show(Advanced(0, 40, "iterations"))
        for done in (10, 20, 30):
            show(Advanced(done, 40, "iterations"))
        screen.print(display._render())
        show(Advanced(7, 9, "[i]images[/i]"))  # another kind of work in the same stage
        screen.print(display._render())
    text = screen.file.getvalue()
    assert "source acgan" in text
    assert "30/40 iterations" in text
    assert "/s" in text
    assert "7/9 [i]images[/i]" in text


def test_work_inside_other_work_has_a_bar_of_its_own_until_it_is_done():
    screen = console(terminal=True)
    display = LiveDisplay(screen)

    def bars():
        screen.file.truncate(0)
        screen.print(display._render())
        return re.findall(r"(\d+/\d+ \w+)", screen.file.getvalue())

    with display as show:
        show(StageStarted("tune real"))
        show(Advanced(3, 18, "settings"))
        show(Advanced(20, 20, "images"))
        show(Advanced(1, 5, "epochs"))
        assert bars() == ["3/18 settings", "1/5 epochs"]
        show(Advanced(5, 5, "epochs"))
        show(Advanced(4, 18, "settings"))
        assert bars() == ["4/18 settings"]
        show(Advanced(1, 5, "epochs"))
        assert bars() == ["4/18 settings", "1/5 epochs"]
        show(StageStarted("search real"))
        assert bars() == []


def test_a_display_survives_what_ends_the_run():
    screen = console(terminal=True)
    with pytest.raises(KeyboardInterrupt), LiveDisplay(screen) as show:
        show(TRIALS[0])
        show(Advanced(1, 2, "images"))
        raise KeyboardInterrupt
    assert "search: ▁ K = 1, best 0.700 at K = 1" in screen.file.getvalue()
    assert screen.file.getvalue().endswith("\x1b[?25h")  # the cursor is back


def test_the_display_goes_to_stderr(capsys):
    for quiet in (False, True):
        with make_display(quiet) as show:
            show(StageStarted("data"))
            show(Warned("x" * 200))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "stage: data\n" + 2 * f"warning: {'x' * 200}\n")


@pytest.mark.parametrize(
    ("scores", "line"),
    [
        ([], ""),
        ([0.8], "▁"),
        ([math.nan, math.nan], "··"),
        ([0.5, 0.5], "▁▁"),
        ([0.0, 0.5, 1.0, math.inf], "▁▅█·"),
    ],
)
def test_sparkline(scores, line):
    assert sparkline(scores) == line
