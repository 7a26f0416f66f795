import pytest
from pydantic import ValidationError

from augsearch.study.presets import ACGAN_PRESETS, DCGAN_PRESETS, WGAN_PRESETS
from augsearch.study.schema.generators import (
    TRAINED,
    AcganOptions,
    DcganOptions,
    TrainedOptions,
    WganOptions,
)

KINDS: dict[str, type[TrainedOptions]] = {
    "acgan": AcganOptions,
    "dcgan": DcganOptions,
    "wgan": WganOptions,
}
PRESETS = [
    (kind, preset)
    for kind, presets in {
        "acgan": ACGAN_PRESETS,
        "dcgan": DCGAN_PRESETS,
        "wgan": WGAN_PRESETS,
    }.items()
    for preset in presets
]


def _options(kind: str, **settings: object) -> TrainedOptions:
    return KINDS[kind].model_validate({"kind": kind} | settings)


@pytest.mark.parametrize(("kind", "preset"), PRESETS)
def test_every_preset_is_whole_and_survives_a_round_trip(kind: str, preset: str) -> None:
    options = _options(kind, preset=preset)
    assert options.strategy == {"acgan": "joint", "dcgan": "per-class", "wgan": "joint"}[kind]
    assert KINDS[kind].model_validate_json(options.model_dump_json()) == options
    assert isinstance(options, TRAINED)


def test_what_the_papers_say_of_the_training() -> None:
    dcgan = _options("dcgan", preset="fridadar2018")
    assert (dcgan.optimizer, dcgan.generator_learning_rate, dcgan.betas[0]) == ("adam", 2e-4, 0.5)
    assert (dcgan.epochs, dcgan.batch_size, dcgan.latent) == (70, 64, "uniform")
    acgan = _options("acgan", preset="fridadar2018")
    assert (acgan.generator_learning_rate, acgan.epochs) == (1e-4, 50)
    dhawan = _options("acgan", preset="dhawan2024")
    assert (dhawan.optimizer, dhawan.discriminator_learning_rate) == ("rmsprop", 1e-4)
    assert (dhawan.batch_size, dhawan.iterations) == (32, 32_000)
    cheng = _options("wgan", preset="cheng2021")
    assert isinstance(cheng, WganOptions)
    assert (cheng.weight_clip, cheng.critic_steps, cheng.epochs) == (0.01, 5, 1400)
    assert (cheng.optimizer, cheng.generator_learning_rate) == ("rmsprop", 5e-5)
    penalised = _options("wgan", preset="gulrajani2017")
    assert isinstance(penalised, WganOptions)
    assert (penalised.gradient_penalty, penalised.betas) == (10, (0, 0.9))
    assert penalised.discriminator_norm != "batch"


def test_an_epoch_is_training_images_over_batch_size_rounded_up() -> None:
    options = _options("dcgan", preset="fridadar2018", epochs=3, batch_size=10)
    assert [options.length(count) for count in (1, 10, 11, 95)] == [3, 3, 6, 30]


@pytest.mark.parametrize(
    ("strategy", "total"), [("joint", 70), ("balanced", 60), ("per-class", 80), ("transfer", 80)]
)
def test_the_total_length_counts_every_training(strategy: str, total: int) -> None:
    # 10 epochs of batches of 8 on 27 + 23 + 6 images: 7; on 3 x 6, 3; on each, 4 + 3 + 1.
    settings: dict[str, object] = {"strategy": strategy, "epochs": 10, "batch_size": 8}
    counts = (27, 23, 6) if strategy != "balanced" else (27, 23, 16)
    assert _options("acgan", **settings).total_length(counts) == total
    each = 2 if strategy in ("per-class", "transfer") else 1
    assert _options("acgan", strategy=strategy, iterations=9).total_length((5, 0, 3)) == 9 * each


def test_a_given_length_takes_the_presets_other_one_away() -> None:
    assert _options("dcgan", preset="fridadar2018", iterations=5).epochs is None
    assert _options("acgan", preset="kong2022", epochs=5).iterations is None
    penalised = _options(
        "wgan", preset="cheng2021", gradient_penalty=10, discriminator_norm="layer"
    )
    assert isinstance(penalised, WganOptions) and penalised.weight_clip is None


def test_a_copy_with_other_iterations_has_them_whatever_its_epochs() -> None:
    # The estimate of `augsearch check` shortens a source this way, past all validation.
    options = _options("dcgan", preset="fridadar2018")
    assert options.model_copy(update={"iterations": 6}).length(10_000) == 6


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("acgan", {"iterations": 5, "epochs": 5}, "either iterations or epochs; give one"),
        (
            "wgan",
            {"weight_clip": 0.1, "gradient_penalty": 10.0},
            "either weight_clip or gradient_penalty; give one",
        ),
        (
            "acgan",
            {"label_layer": 4},
            "label_layer must be at most the number of transposed convolutions, 3, but got 4",
        ),
        (
            "dcgan",
            {"generator_filters": [8], "generator_output": "convolution"},
            "generator_filters must have at least 2 entries",
        ),
        ("wgan", {"discriminator_norm": "batch"}, "must not be 'batch' with gradient_penalty"),
    ],
)
def test_settings_that_contradict_each_other(
    kind: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        _options(kind, **settings)


def test_only_a_joint_generator_without_classes_is_unlabelled() -> None:
    for strategy in ("joint", "balanced", "per-class", "transfer"):
        by_class = strategy in ("per-class", "transfer")
        assert _options("acgan", strategy=strategy).labelled
        assert _options("dcgan", strategy=strategy).labelled == by_class
        assert _options("wgan", strategy=strategy).labelled == by_class
