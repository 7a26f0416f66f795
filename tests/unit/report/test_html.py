import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from augsearch.report.contents import Outputs, TunedArm
from augsearch.report.html import render, write_report
from augsearch.report.paper_tables import paper_tables
from augsearch.study.results import EndpointGain
from augsearch.study.schema.report import TableOptions

EVIL = "<script>alert('$x$')</script>"


class Reader(HTMLParser):
    """Collects tags, headings and texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.headings, self.texts, self._open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append(data)
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture
def read(make):
    """Read a report without its figures, whose drawing takes most of the time."""

    def read(*args, **changes):
        contents = make(*args, **changes)
        return Reader(render(contents, {}, paper_tables(contents)))

    return read


@pytest.fixture
def written(make, likeness, tmp_path):
    def write(*args, **changes):
        write_report(make(*args, **changes), tmp_path)
        return Reader((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write


def test_sections_stand_in_their_order(written, likeness, tmp_path):
    tables = {"t": TableOptions(title="Table 2", metrics=("accuracy",), confusion=True)}
    report = written(
        tables=tables, likeness=likeness, training_curves={"more": {"training loss": [1.0, 0.5]}}
    )
    assert report.headings == [
        "Arms",
        "Settings of the classifiers",
        "Search of arm more",
        "Table 2",
        "Metrics",
        "ROC curves",
        "Confusion matrices",
        "Training curves",
        "Variety of the added images (MS-SSIM)",
        "Real beside synthetic",
        "Data and split",
        "Cost",
        "Methods, for a manuscript",
        "What is not shown, and why",
        "Study",
        "Versions",
    ]
    assert {path.name for path in (tmp_path / "tables").rglob("*.csv")} == {
        *("arms.csv", "metrics.csv", "history.csv", "settings.csv", "t.csv")
    }
    assert (tmp_path / "tables" / "confusion" / "t.csv").exists()
    assert (tmp_path / "figures" / "table-t.svg").exists()


def test_sections_without_content_are_left_out(written, tmp_path):
    report = written(tuning={}, tuned={}, searches={}, test=Outputs(*[[], {}]))
    assert "ROC curves" not in report.headings
    assert not any("Search" in heading for heading in report.headings)
    assert "Settings of the classifiers" not in report.headings
    assert not (tmp_path / "tables" / "settings.csv").exists()


def test_the_chosen_setting_of_every_arm_is_shown_with_its_score(read):
    scores = np.array([[0.25, 0.5, 0.75], [0.625, 0.625, 0.628]])
    settings = [{"head.decay": 0.5, EVIL: True}, {"head.decay": 1.23456789e-5, EVIL: False}]
    tuned = {
        name: TunedArm(settings, scores, chosen, []) for name, chosen in (("real", 0), ("more", 1))
    }
    report = read(tuned=tuned)
    start = report.texts.index("Settings of the classifiers")
    texts = [text for text in report.texts[start + 1 :] if text.strip()]
    assert texts[:12] == [
        *("arm", "head.decay", EVIL, "tuning kappa"),
        *("real", "0.5", "true", "0.500"),
        *("more", "1.23457e-05", "false", "0.626"),
    ]
    assert texts[12] == (
        "The best of 2 settings, tried at each arm's first amount: its mean kappa over 3 trainings "
        "on the tuning set, which chose it. As the best of many it is too high. All settings: "
        "tables/settings.csv."
    )


def test_every_text_of_the_users_is_escaped(written):
    tables = {
        "t": TableOptions(title=EVIL, metrics=("kappa",), class_metrics=("f1",), confusion=True)
    }
    report = written(
        (EVIL, EVIL + "2"),
        tables=tables,
        study_text=EVIL,
        parts=[(EVIL, EVIL, 1, 1)],
    )
    assert "script" not in report.tags
    assert report.headings.count(EVIL) == 1
    assert sum(EVIL in text for text in report.texts) > 8


def test_a_table_prints_classes_and_values(read):
    tables = {"t": TableOptions(title="T", images="tuning", class_metrics=("f1",), value="mean-sd")}
    report = read(("a", "b", "c"), tables=tables)
    found = [text for text in report.texts if re.fullmatch(r"0\.\d{3}\s±\s0\.\d{3}", text)]
    assert len(found) == 6
    assert "+500 images" in report.texts
    assert any("chosen on these very images" in text for text in report.texts)


def test_titles_over_groups_of_columns(read):
    tables = {"t": TableOptions(title="T", images="tuning", metrics=("kappa",), best_setting=True)}
    report = read(tables=tables)
    for title in ("best setting of each run", "chosen setting", "chosen setting, test set"):
        assert title in report.texts


def test_an_interval_is_broken_before_its_bracket_only(make):
    text = render(make(), {})
    metrics = text.partition("<h2>Metrics</h2>")[2].partition("</table>")[0]
    heads = ["metric", "real", "more"]
    assert "".join(f'<th scope="col">{one}</th>' for one in heads) in metrics
    assert '<td>0.800 <span class="range">(0.700 to 0.900)</span></td>' in metrics


def test_a_screen_reader_is_told_what_heads_what(make, tmp_path):
    options = {"metrics": ("kappa",), "images": "tuning", "best_setting": True}
    tables = {"t": TableOptions(title="T", **options)}
    write_report(make(tables=tables), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for table in re.findall("<table.*?</table>", text, flags=re.DOTALL):
        head, _, body = table.rpartition("</thead>")
        assert "<th>" not in table
        assert set(re.findall(r"scope=\"(\w+)\"", head)) <= {"col", "colgroup"}
        assert set(re.findall(r"scope=\"(\w+)\"", body)) <= {"row"}
        assert head or body.count("<tr>") == body.count("scope=")  # a list of keys and values
    levels = [int(level) for level in re.findall(r"<h(\d)>", text)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert '<html lang="en">' in text
    assert all('alt="' in image for image in re.findall("<img[^>]*>", text))
    assert all('aria-label="' in figure for figure in re.findall("<svg[^>]*>", text))


def test_what_is_said_beside_the_verdict_stands_below_it(make):
    result = make().result
    verdict = result.verdict.model_copy(update={"note": "<b>only so"})
    text = render(make(result=result.model_copy(update={"verdict": verdict})), {})
    box = text.partition('<div class="verdict helps">')[2].partition("</div>")[0]
    answer, rest = box.split("</p>", 1)
    assert answer.strip().startswith('<p class="answer">Helps: arm &#39;more&#39;')
    assert rest.strip() == "<p>Note: &lt;b&gt;only so.</p>"


def test_the_same_contents_are_the_same_report(make, tmp_path):
    for name in ("first", "second"):
        write_report(make(), tmp_path / name)
    first, second = (tmp_path / name / "report.html" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_where_metrics_are_cut_and_which_folds_images_are_counted_is_said(read, make):
    result = make().result
    more = result.arms["more"]
    test = more.test | {"sensitivity@0.90": more.test["auc"]}
    arms = result.arms | {"more": more.model_copy(update={"test": test})}
    several = result.model_copy(update={"arms": arms})
    text = " ".join(read(result=several, n_folds=3).texts)
    assert "ill; cut-off 0.5, but for sensitivity at a specificity that of each" in text
    assert "Numbers of images are those of the training set of fold 0" in text
    text = " ".join(read().texts)
    assert "ill; cut-off 0.5." in text
    assert "fold 0" not in text


def test_endpoints_stand_below_the_verdict_and_in_the_forest(written, make, tmp_path):
    gain = EndpointGain(label="helps", value=0.1, low=0.05, high=0.15)
    result = make().result
    more = result.arms["more"].model_copy(update={"endpoints": {"brier": gain}})
    result = result.model_copy(update={"arms": result.arms | {"more": more}})
    report = written(result=result)
    text = " ".join(report.texts)
    assert "In Brier score (smaller is better): arm 'more' helps (gain +0.100" in text
    assert "This endpoint is secondary" in text
    forest = (tmp_path / "figures" / "gains.svg").read_text(encoding="utf-8")
    assert "Brier score: more +0.100 (+0.050 to +0.150)." in forest
    rows = (tmp_path / "tables" / "endpoints.csv").read_text(encoding="utf-8").splitlines()
    assert rows == ["arm,endpoint,label,gain,low,high,note", "more,brier,helps,0.1,0.05,0.15,"]


def test_without_a_test_set_nothing_of_one_is_shown(written, make, tmp_path):
    result = make().result
    arms = {name: arm.model_copy(update={"test": {}}) for name, arm in result.arms.items()}
    result = result.model_copy(update={"judged_on": "tuning", "arms": arms})
    report = written(result=result, test=Outputs(np.empty(0, dtype=np.int64), {}))
    assert not {"Metrics", "ROC curves", "Confusion matrices"} & set(report.headings)
    text = " ".join(report.texts)
    assert "test AUC" not in text
    assert "Trainings while searching. Seconds of all calls" in text
    assert "simultaneous 95 % intervals" in text
    assert "Gains over arm real on the tuning set" in text
    assert not (tmp_path / "tables" / "endpoints.csv").exists()


def test_many_warnings_do_not_stand_before_the_results(make, read):
    for count, folded in ((12, 0), (15, 3)):
        warnings = [f"warning number {place}" for place in range(count)]
        report = read(result=make().result.model_copy(update={"warnings": warnings}))
        assert [text for text in report.texts if text.startswith("warning number")] == warnings
        told = [text for text in report.texts if text.endswith("more warnings")]
        assert told == [f"{folded} more warnings"] * bool(folded)
