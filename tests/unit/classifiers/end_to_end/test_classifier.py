from pathlib import Path

import numpy as np
import pytest

from augsearch.classifiers.end_to_end.classifier import EndToEnd
from augsearch.classifiers.end_to_end.fitted import FittedEndToEnd
from augsearch.classifiers.registry import create_classifier
from augsearch.errors import DataError
from augsearch.events import Advanced, Event
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets


def _options(**settings: object) -> EndToEndOptions:
    return EndToEndOptions(
        **{"kind": "end-to-end", "network": "fridadar2018", "batch_size": 8, "epochs": 2} | settings
    )


def _cell(counts: tuple[int, ...] = (12, 12), size: int = 16, **more: object) -> TrainingSet:
    portion = Portion.whole(toy_images(counts, size))
    return TrainingSet((portion,), len(counts), Seed.of(1, "cell"), **more)


def _one(classifier: EndToEnd, cell: TrainingSet) -> FittedEndToEnd:
    (fitted,) = classifier.fit([cell])
    assert isinstance(fitted, FittedEndToEnd)
    return fitted


BLOCK = ImageBlock.of(toy_images((40, 30), 16, seed=9).pixels)


@pytest.mark.parametrize(
    ("network", "normalise"), [("fridadar2018", "mean-image"), ("roglin2022", "imagenet")]
)
def test_a_classifier_keeps_its_promises(network: str, normalise: str) -> None:
    options = _options(network=network, normalise=normalise, epochs=1)
    check_classifier(EndToEnd(options), toy_training_sets(2, size=16), BLOCK)


@pytest.mark.parametrize(("network", "width"), [("densenet121", 1024), ("efficientnet_v2_s", 1280)])
def test_networks_of_torchvision_are_trained(network: str, width: int) -> None:
    fitted = _one(EndToEnd(_options(network=network, epochs=1)), _cell((5, 4), 32))
    block = ImageBlock.of(toy_images((2, 1), 32, seed=3).pixels)
    assert fitted.embedding(block).shape == (3, width)
    assert fitted.predict_proba(block).shape == (3, 2)


def test_the_published_settings_learn_an_easy_problem() -> None:
    options = EndToEndOptions(kind="end-to-end", preset="fridadar2018", epochs=15, batch_size=8)
    fitted = _one(EndToEnd(options), _cell((20, 20, 20)))
    fresh = toy_images((30, 30, 30), 16, seed=5)
    found = fitted.predict_proba(ImageBlock.of(fresh.pixels)).argmax(axis=1)
    assert (found == fresh.labels).mean() > 0.95
    losses = fitted.training_curve["training loss"]
    assert len(losses) == 15
    assert losses[-1] < 0.8 * losses[0]
    assert list(fitted.training_curve) == ["training loss"]


def test_the_last_layer_makes_probabilities_of_the_embedding() -> None:
    fitted = _one(EndToEnd(_options()), _cell())
    features = fitted.embedding(BLOCK)
    assert features.shape == (70, 128)
    assert features.dtype == np.float32
    last = fitted.network.last
    scores = (
        features.astype(np.float64) @ last.weight.double().numpy().T + last.bias.double().numpy()
    )
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(BLOCK), expected, rtol=1e-12)


def test_no_images_give_no_rows() -> None:
    fitted = _one(EndToEnd(_options(epochs=1)), _cell())
    none = ImageBlock.of(BLOCK.pixels[:0])
    assert fitted.predict_proba(none).shape == (0, 2)
    assert fitted.embedding(none).shape == (0, 128)


def test_early_stopping_looks_at_the_tuning_set() -> None:
    images = toy_images((9, 9), 16, seed=2)
    upside_down = Portion(ImageBlock.of(images.pixels), np.arange(4, 16), 1 - images.labels[4:16])
    events: list[Event] = []
    options = _options(epochs=40, patience=2, learning_rate=1e-3)
    (fitted, _) = EndToEnd(options).fit([_cell(tune=upside_down)] * 2, events.append)
    losses = fitted.training_curve["tuning loss"]
    assert len(losses) == np.argmin(losses) + 3 < 40
    probabilities = fitted.predict_proba(upside_down.block)[upside_down.rows]
    own = probabilities[np.arange(12), upside_down.labels]
    assert -np.log(own).mean() == pytest.approx(min(losses), rel=1e-6)
    done = [event.done for event in events if isinstance(event, Advanced)]
    assert done == sorted(done)
    assert events[-1] == Advanced(80, 80, "epochs")


def test_an_empty_tuning_set_is_none() -> None:
    empty = Portion(BLOCK, np.array([], np.int64), np.array([], np.int64))
    fitted = _one(EndToEnd(_options(patience=1)), _cell(tune=empty))
    assert list(fitted.training_curve) == ["training loss"]


def test_a_last_image_alone_does_no_harm_to_batch_norm() -> None:
    # At 32 pixels the last batch norms of a densenet see one number per image.
    fitted = _one(EndToEnd(_options(network="resnet18", epochs=1)), _cell((5, 4), 32))
    assert np.isfinite(fitted.training_curve["training loss"]).all()


def test_impossible_training_sets_are_refused() -> None:
    lonely = TrainingSet(_cell().portions, 3, Seed.of(0))
    with pytest.raises(DataError, match="each of its 3 classes but has none of class 2"):
        EndToEnd(_options()).fit([lonely])


def test_the_registry_builds_it(tmp_path: Path) -> None:
    built = create_classifier(
        _options(epochs=1), image_shape=(16, 16, 1), cache=tmp_path, seed=Seed.of(0)
    )
    found = [
        one.fit([_cell()])[0].predict_proba(BLOCK) for one in (built, EndToEnd(_options(epochs=1)))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not any(tmp_path.iterdir())
