import csv

from augsearch.report.tables import write_tables


def test_usual_tables_read_back(make, tmp_path):
    result = make().result
    write_tables(result, tmp_path)
    read = {
        name: list(csv.DictReader((tmp_path / f"{name}.csv").read_text("utf-8").splitlines()))
        for name in ("arms", "metrics", "history")
    }
    real, more = read["arms"]
    assert (real["multiple"], real["unit"], real["gain"]) == ("1.0", "multiple", "")
    assert (more["multiple"], more["unit"], more["gain"]) == ("500.0", "added", "0.1")
    assert [row["value"] for row in read["metrics"]] == ["0.8", "0.8"]
    assert len(read["history"]) == 2 * (1 + 3)
