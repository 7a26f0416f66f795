import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from augsearch.controller.stages import auditing
from augsearch.controller.stages.auditing import audit_sources, kept_audits, shown_audits
from augsearch.controller.stages.fitting import empty_folds, fit_sources
from augsearch.errors import AuditError
from augsearch.events import Warned, silent
from augsearch.study.compare import differences

K_FOLD = {"method": "k-fold", "n_folds": 3, "test": 0.2}


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of noise, as images that somebody made elsewhere."""
    random = np.random.default_rng(0)
    for name in ("clear", "fluid"):
        folder = tmp_path / "made" / name
        folder.mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "made"


@pytest.fixture
def fitted(ready, elsewhere):
    """Give settings of [audit] -> a study with its sources fitted."""

    def make(split=K_FOLD, **audit):
        world = ready(
            split=split,
            sources={"made": {"kind": "folder", "path": elsewhere}, "repeat": {"kind": "repeat"}},
            arms={"real": {}, "more": {"balance": "made", "search": {"source": "repeat"}}},
            audit={"images_per_class": 20} | audit,
        )
        refit(world)
        return world

    return make


def refit(world):
    world.folds[:] = empty_folds(world.prepared)
    names = list(world.prepared.sources)
    fit_sources(names, world.prepared, world.directory, {0: world.folds}, {}, silent)


def audit(world, notify=silent):
    names = list(world.prepared.sources)
    return audit_sources(names, world.prepared, world.directory, world.folds, notify)


def test_every_generator_is_audited_in_every_fold_and_real_images_are_not(fitted):
    world = fitted()
    told = []
    results = audit(world, told.append)
    assert [(one.source, one.fold) for one in results] == [("made", 0), ("made", 1), ("made", 2)]
    assert all(one.verdict == "fail" for one in results)
    warned = [event.message for event in told if isinstance(event, Warned)]
    assert len(warned) == 3
    assert "source 'made', fold 0, fails the audit: images reach the surroundings of" in warned[0]
    assert kept_audits(world.prepared, world.directory) == results


def test_an_audit_is_made_once_and_the_same_when_it_is_made_again(fitted, monkeypatch):
    world = fitted()
    first = audit(world)
    told = []
    with monkeypatch.context() as patch:
        patch.setattr(auditing, "audit_source", None)
        refit(world)
        assert audit(world, told.append) == first
    assert len([event for event in told if isinstance(event, Warned)]) == 3
    for path in world.directory.artifacts.glob("source-made-*/audit.json"):
        path.write_text("{torn")
    assert audit(world) == first


def test_a_study_may_stop_at_a_failed_audit_and_go_on_later(fitted):
    world = fitted(on_fail="stop")
    with pytest.raises(AuditError, match=r"fold 2, fails.*\n.*audit.on_fail = \"warn\"") as caught:
        audit(world)
    assert caught.value.exit_code == 2
    before = world.study.model_dump(mode="json")
    changed = world.study.model_copy(
        update={"audit": world.study.audit.model_copy(update={"on_fail": "warn"})}
    )
    assert differences(before, changed) == []
    world.prepared = replace(world.prepared, study=changed)
    assert [one.verdict for one in audit(world)] == ["fail"] * 3


def test_nothing_is_audited_if_the_study_does_not_want_it(fitted):
    world = fitted(enabled=False, quarantine=True)
    assert audit(world) == kept_audits(world.prepared, world.directory) == []
    assert world.folds[0].pools["made"].size(0) == 30


def test_copies_are_dropped_from_what_is_trained_on(fitted, elsewhere, ready):
    plain = fitted({"method": "given"})
    train = plain.prepared.train_of(0)
    rows = np.flatnonzero(train.labels == 0)[:6]
    for number, row in enumerate(rows):
        copy = np.clip(train.pixels[row, :, :, 0].astype(int) + number % 3 - 1, 0, 255)
        Image.fromarray(copy.astype(np.uint8)).save(elsewhere / "clear" / f"{number}.png")
    for path in plain.directory.artifacts.glob("source-made-*/contents.json"):
        path.unlink()
    counted = fitted({"method": "given"}, images_per_class=30)
    (result,) = audit(counted)
    assert result.copies["pixels"].count == 6 and result.quarantined is None
    for path in plain.directory.artifacts.glob("source-made-*/audit.json"):
        path.unlink()

    world = fitted({"method": "given"}, quarantine=True, images_per_class=30)
    assert world.folds[0].pools["made"].size(0) == 24
    assert world.folds[0].pools["made"].size(1) == 30
    assert world.folds[0].pools["repeat"].size(0) is None  # real images are meant to be copies
    (result,) = audit(world)
    assert result.quarantined == {"clear": 6, "fluid": 0}
    assert result.images == {"clear": 24, "fluid": 30}
    assert result.copies["pixels"].count == 0
    assert json.loads((world.directory.artifacts / "source-made-fold0" / "audit.json").read_text())[
        "quarantined"
    ] == {"clear": 6, "fluid": 0}


def test_images_from_elsewhere_are_held_against_what_no_generator_may_have_seen(fitted, elsewhere):
    world = fitted()
    split, images = world.prepared.split, world.prepared.images
    for number, row in enumerate(split.test[:3]):
        Image.fromarray(images.pixels[row, :, :, 0]).save(elsewhere / "clear" / f"{number}.png")
    for path in world.directory.artifacts.glob("source-made-*/contents.json"):
        path.unlink()
    results = audit(fitted(images_per_class=30))
    names = sorted(f"{images.names[row]!r} (test set)" for row in split.test[:3])
    for result in results:
        assert result.leaked.count == 3 and sorted(result.leaked.shown) == names
        assert result.verdict == "fail"
        assert result.reasons[0].startswith("3 of 60 images show the same as real ones that no ")


def test_the_closest_pairs_are_shown(fitted):
    world = fitted()
    results = audit(world)
    shown = shown_audits(world.folds, results)
    assert len(shown) == len(world.folds)
    for one in shown:
        train = world.prepared.train_of(one.result.fold)
        assert len(one.synthetic) == len(one.real) == len(one.result.pairs) == 8
        for pair, real, synthetic in zip(one.result.pairs, one.real, one.synthetic, strict=True):
            assert np.array_equal(real, train.pixels[pair.row])
            assert pair.name == train.names[pair.row]
            pool = world.folds[one.result.fold].pools["made"]
            ((block, rows),) = pool.blocks(pair.label, pair.index, 1)
            assert np.array_equal(block.pixels[rows][0], synthetic)
