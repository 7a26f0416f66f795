import numpy as np
import pytest

from augsearch.report.audits import HEADS, audit_table
from augsearch.report.contents import ShownAudit
from augsearch.report.html import write_report
from augsearch.report.words.methods import methods
from augsearch.study.audit_result import (
    AuditResult,
    Beside,
    ClosestPair,
    CopiesFound,
    SyntheticScore,
    Variety,
)


def shown(source="gan", fold=0, nearness=0.5, verdict="pass", **changes):
    found = CopiesFound(
        count=5,
        total=200,
        low=0.011,
        high=0.057,
        threshold=0.3,
        expected=0.02,
        p_value=0.4,
        median=0.5,
        median_real=0.5,
    )
    pair = ClosestPair(label=0, index=3, row=7, name="one.png", nearness=nearness)
    given = {
        "source": source,
        "fold": fold,
        "features": "classifier",
        "images": {"a": 100, "b": 100},
        "identical": 0,
        "copies": {"features": found, "pixels": found},
        "pairs": [pair, pair],
        "variety": [Variety(class_name="a", synthetic=0.5, real=0.4)],
        "kid": Beside(value=0.0012, se=0.0003, floor=0.0001, floor_se=0.0004),
        "density": Beside(value=0.7, floor=1.0),
        "coverage": Beside(value=0.8, floor=None),
        "score": SyntheticScore(
            metric="auc", value=0.8, real=0.9, p_better=0.1, p_worse=1, real_p_better=0.1
        ),
        "verdict": verdict,
        "reasons": [] if verdict == "pass" else ["because <b>"],
    }
    pixels = np.zeros((2, 8, 8, 1), dtype=np.uint8)
    return ShownAudit(AuditResult.model_validate(given | changes), pixels, pixels + 200)


def test_every_number_stands_beside_its_floor():
    (row,) = audit_table([shown()]).rows
    cells = dict(zip(HEADS, row, strict=True))
    assert cells == {
        "source": "gan",
        "verdict": "pass",
        "images": "200",
        "copies by features": "2.5% (1.1 to 5.7; real at most 2.0)",
        "copies by pixels": "2.5% (1.1 to 5.7; real at most 2.0)",
        "equal": "0",
        "MS-SSIM": "a 0.50 (real 0.40)",
        "KID × 1000": "1.2 ± 0.3 (real 0.1)",
        "density": "0.70 (real 1.00)",
        "coverage": "0.80",
        "trained on them alone": "AUC 0.800 (real 0.900)",
    }


def test_a_distance_of_nothing_but_rounding_is_0():
    (row,) = audit_table([shown(kid=Beside(value=0.0431, se=0.0029, floor=-1e-15))]).rows
    assert dict(zip(HEADS, row, strict=True))["KID × 1000"] == "43.1 ± 2.9 (real 0)"


def test_what_was_not_measured_is_a_dash():
    nothing = Beside(value=None, floor=None)
    empty = {"kid": nothing, "density": nothing, "coverage": nothing, "copies": {}, "score": None}
    (row,) = audit_table([shown(**empty, variety=[], pairs=[])]).rows
    assert row.count("-") == 7


def test_the_fold_with_the_closest_pair_is_pictured_once_per_source():
    audits = [shown(fold=0, nearness=0.6), shown(fold=1, nearness=0.2), shown("other", 0, 0.9)]
    table = audit_table(audits)
    assert [row[0] for row in table.rows] == ["gan, fold 0", "gan, fold 1", "other, fold 0"]
    assert [one.result.fold for one in table.pictured] == [1, 0]


def test_quarantined_copies_are_counted():
    (row,) = audit_table([shown(quarantined={"a": 3, "b": 4})]).rows
    assert row[2] == "200 (7 copies dropped before)"


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_the_report_has_a_section_with_reasons_and_pairs(make, tmp_path, verdict):
    write_report(make(audits=[shown(verdict=verdict)]), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("<h2>Audit of the sources</h2>") == 1
    assert ("gan: because &lt;b&gt;" in text) == (verdict == "fail")
    section = text.partition("Audit of the sources</h2>")[2].partition("<h2>")[0]
    assert section.count("<img") == 2 == section.count('alt="')
    assert "0.50, 0.50" in section


def test_the_methods_cite_what_the_audit_measures(make):
    found = methods(make(audits=[shown()]))
    text = found.paragraphs["Software"]
    assert "(Meehan et al. 2020; Carlini et al. 2023), variety" in text
    assert "KID (Bińkowski et al. 2018), density and coverage (Naeem et al. 2020)" in text
    for key in ("meehan2020", "carlini2023", "binkowski2018", "naeem2020", "wang2003"):
        assert f"{{{key}," in found.bibtex
    assert "audited" not in methods(make()).paragraphs["Software"]
