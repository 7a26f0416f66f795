import json


def test_the_lab_prints_its_table_and_its_advice(call):
    code, out, err = call("lab", "--simulations", 2)
    assert code == 0, err
    assert "tuning images: 39 / 200 / 1000" in out
    for rule in ("sliding window 12", "geometric grid, smoothed", "halving"):
        assert f"│ {rule}" in out
    assert out.count("Recommended for") == 3
    assert "replayed" not in out


def test_the_lab_on_a_finished_run(call, tiny_run):
    run = tiny_run[0].folder / "runs" / "tiny"
    code, out, err = call("lab", "--from", run, "--simulations", 2, "--quiet")
    assert (code, err) == (0, "")
    assert "tuning images: 24" in out
    assert "sliding window 3" in out
    assert "The 60 test images" in out or "smallest gain" in out
    code, out, _ = call("lab", "--from", run, "--simulations", 2, "--quiet", "--json")
    report = json.loads(out)
    search = tiny_run[0].results()["arms"]["search"]
    own = next(one for one in report["run"]["replays"] if one["rule"] == "sliding window 3")
    assert (own["multiple"], own["missing"]) == (search["multiple"], "")
    assert own["trainings"] == 2 * len(search["history"])
    assert report["settings"][0]["images"] == 24


def test_the_lab_on_something_else(call, tmp_path):
    code, out, err = call("lab", "--from", ".")
    assert (code, out) == (2, "")
    assert f"augsearch: {tmp_path} must be a run directory" in err
    assert call("lab", "--simulations", 1)[0] == 2
