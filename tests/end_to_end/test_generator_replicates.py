"""A study whose generator is trained twice more: the verdict speaks of its recipe."""

import re

CHANGES = {
    "iterations = 40\n": 'iterations = 20\nsnapshot = "last"\n',
    "snapshot_every = 20": "snapshot_every = 10",
    "window = 3, max_multiple = 8": 'rule = "sweep", multiples = [2, 3]',
    "images_per_class = 20": "enabled = false",
    "test_replicates = 3": "test_replicates = 6",
}


def test_three_generators_are_behind_the_verdict(augsearch):
    study = augsearch.tiny
    for old, new in CHANGES.items():
        assert old in study
        study = study.replace(old, new)
    augsearch.write(study + "generator_replicates = 3\n")
    done = augsearch("run", "tiny.toml")
    assert done.returncode == 0, done.stderr
    assert "2 more of source acgan" in done.stderr
    result = augsearch.results()
    assert result["verdict"]["generators"] == 3
    said = "speaks of the recipe behind acgan, by 3 trainings of it"
    assert result["verdict"]["note"] == said
    assert f"Note: {said}." in " ".join(done.stdout.split())
    artifacts = augsearch.folder / "runs" / "tiny" / "artifacts"
    made = {path.name for path in artifacts.glob("source-*")}
    assert made == {f"source-acgan-fold0{more}" for more in ("", "-generator1", "-generator2")}
    report = " ".join((augsearch.folder / "runs" / "tiny" / "report.html").read_text().split())
    text = re.sub(r"<[^>]*>", "", report)
    assert "trained 2 times more with other seeds" in text
    assert "(Cochran and Cox 1957)" in text
    assert "was trained once per fold" not in text

    # The search and the baseline know nothing of it: one generator gives the same numbers there.
    augsearch.write(study + "[tracking]\nenabled = false\n", "once.toml")
    assert augsearch("run", "once.toml").returncode == 0
    once = augsearch.results("runs/once")
    assert once["verdict"]["generators"] == 1
    assert once["verdict"]["note"].startswith("speaks of this one trained generator")
    for arm in ("real", "search"):
        assert once["arms"][arm]["history"] == result["arms"][arm]["history"]
    assert once["arms"]["real"]["test"] == result["arms"]["real"]["test"]
    assert once["arms"]["search"]["test"] != result["arms"]["search"]["test"]

    # Reporting again finds every generator and trains nothing.
    again = augsearch("report", "runs/tiny")
    assert again.returncode == 0, again.stderr
    assert augsearch.results() == result
