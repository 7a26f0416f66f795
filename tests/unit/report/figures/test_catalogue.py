from xml.etree import ElementTree

import numpy as np

from augsearch.report.contents import Outputs
from augsearch.report.figures import all_figures
from augsearch.study.schema.report import TableOptions


def test_figures_are_those_that_have_something_to_show(make):
    assert set(all_figures(make())) == {
        *("gains", "search-more", "metrics-more"),
        *("roc-test", "confusion-test"),
    }
    plain = make()
    arms = {name: arm.model_copy(update={"gain": None}) for name, arm in plain.result.arms.items()}
    nothing = make(
        result=plain.result.model_copy(update={"arms": arms}),
        test=Outputs(np.array([], dtype=np.int64), {}),
        tuning={},
        searches={},
    )
    assert all_figures(nothing) == {}


def test_figures_that_are_asked_for(make, likeness):
    features = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    curves = {"more": {"training loss": [1.0, 0.5], "tuning accuracy/5": [0.5, 0.6]}}
    contents = make(
        ("a", "b", "c"),
        embeddings={"real": features, "more": features[:, :1]},
        likeness=likeness,
        training_curves=curves,
        tables={"t": TableOptions(title="t", images="tuning", confusion=True)},
    )
    figures = all_figures(contents)
    assert {"t-sne", "ms-ssim-more", "training-loss", "training-accuracy-5"} <= set(figures)
    assert {"roc-classes-test", "table-t"} <= set(figures)
    assert figures == all_figures(contents)
    for name, svg in figures.items():
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img", name
        assert len(root.get("aria-label")) > 30, name


def test_arms_with_the_same_features_share_a_map(make, labels_of):
    def texts(embeddings):
        nothing_else = {"searches": {}, "tuning": {}, "test": Outputs(np.arange(90) % 2, {})}
        return labels_of(all_figures(make(embeddings=embeddings, **nothing_else))["t-sne"])

    features = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    frozen = {"real": features, "more": features.copy()}
    shared = texts(frozen)
    assert "all arms" in shared and not {"real", "more"} & set(shared)
    assert {"real, more", "own"} <= set(texts(frozen | {"own": features + 1}))
    assert "real" in texts({"real": features})


def test_a_site_without_a_class_has_the_curves_of_the_others(make, labels_of):
    contents = make(("a", "b", "none here"))
    labels = np.arange(90) % 2
    external = Outputs(labels, contents.test.probabilities)
    figures = all_figures(make(("a", "b", "none here"), external=external))
    assert "roc-external" not in figures
    shown = labels_of(figures["roc-classes-external"])
    assert {"a", "b"} <= shown
    assert "none here" not in shown


def test_controls_are_drawn_with_the_arm_that_they_control(make, labels_of):
    plain = make()
    more = plain.result.arms["more"]
    control = more.model_copy(update={"control_of": "more", "score": 0.61, "history": []})
    result = plain.result.model_copy(
        update={"arms": {**plain.result.arms, "more (repeat control)": control}}
    )
    figures = all_figures(make(result=result))
    assert "more (repeat control)" in labels_of(figures["search-more"])
    assert "more (repeat control)" in labels_of(figures["gains"])
