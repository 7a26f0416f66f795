import numpy as np
import pytest
import torch

from augsearch.classifiers.discriminator import DiscriminatorClassifier
from augsearch.errors import DivergedError
from augsearch.events import Advanced, Event
from augsearch.gan.acgan_step import AcganStep
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets


def _classifier(**settings: object) -> DiscriminatorClassifier:
    small: dict[str, object] = {"kind": "acgan", "width": 0.1, "batch_size": 8}
    if "epochs" not in settings:
        small["iterations"] = 3
    return DiscriminatorClassifier(AcganOptions.model_validate(small | settings), device="cpu")


def _set(counts: tuple[int, ...] = (12, 12), **more: int) -> TrainingSet:
    return TrainingSet((Portion.whole(toy_images(counts, 16)),), 2, Seed.of("set"), **more)


BLOCK = ImageBlock.of(toy_images((40, 30), 16, seed=9).pixels)


@pytest.mark.parametrize("preset", ["small-data", "kong2022"])
def test_it_keeps_the_promises_of_a_classifier(preset: str) -> None:
    width = {"small-data": 0.1, "kong2022": 0.04}[preset]
    before = torch.random.get_rng_state()
    check_classifier(_classifier(preset=preset, width=width), toy_training_sets(2, 16), BLOCK)
    assert torch.equal(before, torch.random.get_rng_state())


def test_it_learns_what_an_easy_class_looks_like() -> None:
    settings = {"iterations": 60, "width": 0.25, "augment": [], "batch_size": 16}
    [fitted] = _classifier(**settings).fit([_set()])
    probabilities = fitted.predict_proba(BLOCK)
    truth = np.repeat([0, 1], [40, 30])
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.9


def test_it_trains_as_the_source_does_and_reads_the_class_head() -> None:
    options = AcganOptions.model_validate(
        {"kind": "acgan", "preset": "kong2022", "width": 0.04, "batch_size": 8, "iterations": 4}
    )
    [fitted] = DiscriminatorClassifier(options, device="cpu").fit([_set()])
    images = toy_images((12, 12), 16)
    seed = Seed.of("set")
    gan = AcganStep(options, images, seed, "cpu")
    losses = [gan.step(i, seed.child("iteration", i).torch_generator()) for i in range(1, 5)]
    network = gan.players.discriminator.eval()
    with torch.no_grad():
        pixels = torch.from_numpy(BLOCK.pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        features = network.features(pixels)
        logits = network(pixels)[1].double().numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert fitted.predict_proba(BLOCK) == pytest.approx(expected, abs=1e-6)
    embedding = fitted.embedding(BLOCK)
    assert embedding is not None and embedding.dtype == np.float32
    assert embedding == pytest.approx(features.numpy(), abs=1e-5)
    # Epochs of 24 / 8 = 3 iterations, and what is left.
    expected = [torch.stack(losses[:3]).mean(0), losses[3]]
    for column, name in enumerate(gan.loss_names):
        curve = fitted.training_curve[name]
        assert list(curve) == pytest.approx([one[column].item() for one in expected], rel=1e-5)


def test_an_images_prediction_does_not_depend_on_its_company() -> None:
    [fitted] = _classifier().fit([_set()])
    alone = fitted.predict_proba(ImageBlock.of(BLOCK.pixels[66:67]))
    assert np.array_equal(fitted.predict_proba(BLOCK)[66:67], alone)
    assert fitted.predict_proba(ImageBlock.of(BLOCK.pixels[:0])).shape == (0, 2)


def test_a_fitted_discriminator_keeps_no_gradients() -> None:
    [fitted] = _classifier().fit([_set()])
    assert all(weight.grad is None for weight in fitted._network.parameters())


def test_progress_and_epochs() -> None:
    events: list[Event] = []
    classifier = _classifier(preset="fridadar2018", width=0.01, epochs=2, batch_size=10)
    [fitted] = classifier.fit([_set()], events.append)
    assert events == [Advanced(3, 6, "iterations"), Advanced(6, 6, "iterations")]
    assert all(len(curve) == 2 for curve in fitted.training_curve.values())


def test_a_diverged_training_says_so() -> None:
    classifier = _classifier(
        preset="kong2022", width=0.04, discriminator_learning_rate=1e30, iterations=20
    )
    with pytest.raises(DivergedError, match=r"discriminator: training diverged at iteration \d+"):
        classifier.fit([_set()])
