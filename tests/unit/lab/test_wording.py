from augsearch.lab import wording
from augsearch.lab.advice import Advice
from augsearch.lab.findings import LabReport, ReplayedRule, Resolution, RunFindings
from augsearch.lab.noise import Noise
from augsearch.lab.simulation import RuleScore, Setting

SETTINGS = (Setting.standard(39), Setting.standard(200))
SCORES = (
    RuleScore("window", 12, 1, 39, 0.0148, 0.0003, 0.062, 0.89, 23.2, 1.0),
    RuleScore("window", 12, 1, 200, 0.0097, 0.0002, 0.033, 0.91, 24.1, 1.2),
)
ADVICE = (Advice(39, "halving", 1, "window", 12, 3),)

RUN = RunFindings(
    arm="gan",
    first_amount=1.0,
    first_sd=0.0123,
    replicate_sd=0.0101,
    resolution=Resolution("gan", 400, 0.031, 0.0443),
    replays=(
        ReplayedRule("gan", "window", 3, 4.0, 0.8123, 30, ""),
        ReplayedRule("gan", "halving", 1, None, None, 0, "no K = 11 (it ends at 10)"),
    ),
    notes=("Nothing else is known.",),
)


def test_a_row_has_the_numbers_of_all_settings():
    report = LabReport(50, SETTINGS, SCORES, ADVICE)
    assert wording.title(report) == "simulated searches; tuning images: 39 / 200"
    assert wording.score_rows(report) == [
        ["window", "1", "14.8 / 9.7", "62 / 33", "89 / 91 %", "23 / 24", "1.1"]
    ]
    assert len(wording.SCORE_HEADER) == len(wording.score_rows(report)[0])
    text = " ".join(wording.sentences(report))
    assert "50 simulated searches" in text
    assert "at most 0.3 / 0.2." in text
    assert "Recommended for 39 tuning images: halving, 1 replicate; with a sliding window" in text
    assert "window, 3 replicates (the cheapest" in text


def test_a_run_says_what_it_measured():
    assert wording.replay_rows(RUN) == [
        ["gan", "window", "3", "4", "0.812", "30", "reached"],
        ["gan", "halving", "1", "-", "-", "0 so far", "no K = 11 (it ends at 10)"],
    ]
    assert wording.run_sentences(RUN) == [
        "Trainings of one amount of arm 'gan' differ by an SD of 0.0101 (0.0123 at 1 alone).",
        "The 400 test images resolve a measured gain of 0.031 AUC (half the interval of arm "
        "'gan'); a true gain of 0.044 would be found in 8 of 10 such studies.",
        "Nothing else is known.",
    ]


def test_what_was_supposed_of_a_run_is_said():
    setting = Setting(90, Noise(0.03, 0.01, 0.006, 0.008), base=0.913, gain=0.0435)
    text = " ".join(
        wording.sentences(
            LabReport(
                50,
                (setting,),
                (RuleScore("window", 12, 1, 90, 0.01, 0.001, 0.03, 0.9, 23, 1.0),),
                (),
                RUN,
            )
        )
    )
    assert "a true AUC of 0.913 at K = 1, gains of 0.043 and 90 tuning images" in text
    assert "an SD of 0.0100." in text


def test_nothing_simulated_is_nothing_to_say():
    assert wording.sentences(LabReport(50, (), (), (), RUN)) == []
