import numpy as np
import pytest
import torch

from augsearch.classifiers.end_to_end import training
from augsearch.classifiers.end_to_end.classifier import EndToEnd
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]

BLOCK = ImageBlock.of(toy_images((50, 50), 32, seed=9).pixels)


def _options(network: str, **settings: object) -> EndToEndOptions:
    return EndToEndOptions(
        **{"kind": "end-to-end", "network": network, "batch_size": 8, "epochs": 3} | settings
    )


@pytest.mark.parametrize("network", ["fridadar2018", "roglin2022", "resnet101", "densenet121"])
def test_a_classifier_keeps_its_promises(network: str) -> None:
    classifier = EndToEnd(_options(network), device="cuda")
    check_classifier(classifier, toy_training_sets(3, size=32), BLOCK)


def test_dropout_of_the_device_leaves_its_generator_alone() -> None:
    before = torch.cuda.get_rng_state()
    EndToEnd(_options("efficientnet_v2_s"), device="cuda").fit(toy_training_sets(1, size=32))
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_the_first_steps_agree_with_the_cpu() -> None:
    # Without dropout, whose masks differ between devices, and without the rounding of bf16.
    cell = toy_training_sets(1, size=32)[0]
    options = _options(
        "roglin2022", optimizer="sgd", learning_rate=1e-3, epochs=1, precision="float32"
    )
    here, there = (
        EndToEnd(options, device=device).fit([cell])[0].predict_proba(BLOCK)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    ("network", "optimizer"),
    [("fridadar2018", "sgd"), ("roglin2022", "adam"), ("efficientnet_v2_s", "rmsprop")],
)
def test_a_captured_step_does_what_the_step_does(
    network: str, optimizer: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 16 images: two batches of 5, captured from the second epoch on, and one of 6, which is not.
    options = _options(
        network,
        optimizer=optimizer,
        precision=precision,
        batch_size=5,
        epochs=6,
        learning_rate=1e-4,
    )
    cells = toy_training_sets(1, size=32)
    captured = EndToEnd(options, device="cuda").fit(cells)[0]
    monkeypatch.setattr(training, "Captured", lambda step: step)
    plain = EndToEnd(options, device="cuda").fit(cells)[0]
    assert captured.training_curve["training loss"] == pytest.approx(
        plain.training_curve["training loss"], rel=1e-3
    )
    np.testing.assert_allclose(
        captured.predict_proba(BLOCK), plain.predict_proba(BLOCK), rtol=0, atol=1e-3
    )


def test_images_in_any_company_give_the_same_bits() -> None:
    fitted = EndToEnd(_options("fridadar2018"), device="cuda").fit(toy_training_sets(1))[0]
    order = np.random.default_rng(0).permutation(100)
    whole, part = fitted.embedding(BLOCK), fitted.embedding(ImageBlock.of(BLOCK.pixels[order]))
    assert whole is not None
    np.testing.assert_array_equal(part, whole[order])


def test_early_stopping_on_the_device() -> None:
    images = toy_images((20, 20), 32, seed=3)
    tune = Portion(ImageBlock.of(images.pixels), np.arange(40), 1 - images.labels)
    cell = TrainingSet(toy_training_sets(1, size=32)[0].portions, 2, Seed.of(0), tune)
    options = _options("fridadar2018", epochs=30, patience=2, learning_rate=1e-3)
    fitted = EndToEnd(options, device="cuda").fit([cell])[0]
    losses = fitted.training_curve["tuning loss"]
    own = fitted.predict_proba(tune.block)[np.arange(40), tune.labels]
    assert -np.log(own).mean() == pytest.approx(min(losses), rel=1e-6)
