import csv
import math

import numpy as np
import pytest

from augsearch.report.contents import TunedArm
from augsearch.report.tables import pieces, read_table, write_tables
from augsearch.study.results import SmoothedChoice


@pytest.fixture
def written(make, tmp_path):
    """Write the usual tables -> name of a table -> its rows."""

    def write(tuned):
        result = make().result
        best = SmoothedChoice(multiple=250, mean=0.75, sd=0.01, noise=None)
        more = result.arms["more"].model_copy(update={"smoothed": best})
        result = result.model_copy(update={"arms": result.arms | {"more": more}})
        write_tables(result, tuned, tmp_path)
        return {
            path.stem: list(csv.DictReader(path.read_text("utf-8").splitlines()))
            for path in tmp_path.glob("*.csv")
        }

    return write


def test_usual_tables_read_back(written):
    read = written({})
    assert set(read) == {"arms", "metrics", "history"}
    real, more = read["arms"]
    assert (real["multiple"], real["unit"], real["gain"]) == ("1.0", "multiple", "")
    assert (more["multiple"], more["unit"], more["gain"]) == ("500.0", "added", "0.1")
    assert (more["multiple_smoothed"], more["score_smoothed"]) == ("250.0", "0.75")
    assert real["multiple_smoothed"] == ""
    assert [row["value"] for row in read["metrics"]] == ["0.8", "0.8"]
    assert len(read["history"]) == 2 * (1 + 3)


def test_every_setting_has_a_row_for_each_training(written):
    settings = [{"head.decay": 1e-5, "weights": "random"}, {"head.decay": 0.1, "weights": "a,b"}]
    scores = np.array([[0.1, 0.2, math.nan], [0.3, 0.30000000000000004, 1.0]])
    tuned = {name: TunedArm(settings, scores, 1, []) for name in ("real", "more")}
    rows = written(tuned)["settings"]
    assert list(rows[0]) == ["arm", "setting", "head.decay", "weights", "chosen", "cell", "score"]
    assert [row["arm"] for row in rows] == ["real"] * 6 + ["more"] * 6
    assert [row["setting"] for row in rows[:6]] == ["0"] * 3 + ["1"] * 3
    assert [row["chosen"] for row in rows[:6]] == ["False"] * 3 + ["True"] * 3
    assert [row["cell"] for row in rows[:6]] == ["0", "1", "2"] * 2
    assert [(row["head.decay"], row["weights"]) for row in rows[2:4]] == [
        ("1e-05", "random"),
        ("0.1", "a,b"),
    ]
    found = [float(row["score"] or "nan") for row in rows[:6]]
    assert np.array_equal(found, scores.ravel(), equal_nan=True)


def test_a_table_is_printed_with_values_to_three_places_and_names_as_they_are(tmp_path):
    path = tmp_path / "t.csv"
    header = "arm,amount,unit,n_train,class,kappa,kappa_words,delong_p,other.delong_p"
    path.write_text(
        header + "\n"
        "1.5,14.0,multiple,4256,2.50,0.123456,slight,1.5e-05,0.04249\n"
        '"a,\nb",1.25,multiple,60,nan,1.0,almost perfect,,0.5\n'
        "c,K = 2 / +500 images,added,120 / 140,all,-5e-05,poor,1,0\n"
    )
    found, rows = read_table(path)
    assert found == header.split(",")
    assert rows == [
        ["1.5", "14", "multiple", "4256", "2.50", "0.123", "slight", "< 0.001", "0.042"],
        ["a,\nb", "1.25", "multiple", "60", "nan", "1.000", "almost perfect", "", "0.500"],
        [
            *("c", "K = 2 / +500 images", "added", "120 / 140", "all"),
            *("-0.000", "poor", "1.000", "< 0.001"),
        ],
    ]


def test_a_wide_table_is_cut_between_columns_and_keeps_its_names():
    header = ["arm", "amount", "best.auc", "class", "best.auc_sd", "test.auc"]
    rows = [["one", "14", "0.500", "x" * 9, "0.010", "0.600"]]
    # 6 + 9 + 12 for the names, 11, 14 and 11 for the values, 1 for the last line
    assert pieces(header, rows, 64) == [[0, 1, 3, 2, 4, 5]]
    assert pieces(header, rows, 63) == [[0, 1, 3, 2, 4], [0, 1, 3, 5]]
    assert pieces(header, rows, 52) == [[0, 1, 3, 2], [0, 1, 3, 4], [0, 1, 3, 5]]
    assert pieces(header, rows, 10) == pieces(header, rows, 52)
