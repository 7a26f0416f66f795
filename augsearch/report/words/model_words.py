"""Sources and classifiers of a study in the words of a methods section, with every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from augsearch.study.schema.classifier import (
    AdamHead,
    BagOfWordsOptions,
    ClassifierOptions,
    DiscriminatorOptions,
    EndToEndOptions,
    FrozenOptions,
)
from augsearch.study.schema.generators import (
    AcganOptions,
    DcganOptions,
    GanOptions,
    TrainedOptions,
    WganOptions,
)
from augsearch.study.schema.selection import SourceTable
from augsearch.study.schema.sources import (
    CallableOptions,
    ClassicOptions,
    FolderOptions,
    RepeatOptions,
    SourceOptions,
)

_PAPERS = {
    "kong2022": " [@kong2022]",
    "fridadar2018": " [@fridadar2018]",
    "roglin2022": " [@roglin2022]",
    "dhawan2024": " [@dhawan2024]",
    "gulrajani2017": " [@gulrajani2017]",
}
_NETWORKS = {
    "densenet": " [@huang2017]",
    "resnet": " [@he2016]",
    "efficientnet_v2": " [@tan2021]",
    "fridadar2018": " [@fridadar2018]",
    "roglin2022": " [@roglin2022]",
}
_UNKNOWN = " (augsearch does not know from which images they were made)"
_FREE = ("kind", "preset", "select", "train_on", "snapshot_every", "checkpoint_every")
"""Keys of a generator that say nothing of how far it is the preset's."""


def source_words(
    name: str,
    options: SourceOptions,
    chosen: Sequence[int] = (),
    selected: Sequence[tuple[int, int]] = (),
) -> str:
    """Say in a sentence what a source is and how it was trained.

    Args:
        name: Its name.
        options: Its settings.
        chosen: Of a generator with snapshot = "best", the iterations whose state was taken.
        selected: Of one that selects, images made first and kept of them, of each fold.
    """
    match options:
        case AcganOptions() | DcganOptions() | WganOptions():
            what = _gan(options, chosen)
        case ClassicOptions():
            what = f"classic augmentation of real training images ({_classic(options)})"
        case RepeatOptions():
            what = "the real training images again"
        case FolderOptions():
            what = f"images made elsewhere{_UNKNOWN}, from the folder {options.path.name}"
        case CallableOptions():
            what = f"images from the function {options.function}{_UNKNOWN}"
        case _:
            what = f"images of another package's kind {options.kind}{_UNKNOWN}"
    return f"Source {name} gave {what}{_limits(options, selected)}."


def classifier_words(name: str, options: ClassifierOptions) -> str:
    """Say in a sentence what a classifier is and how it was trained."""
    return f"The classifier {name} was {_classifier(options)}."


def _gan(options: TrainedOptions, chosen: Sequence[int]) -> str:
    kind, paper = _GANS[options.kind]
    preset = f"settings {options.preset}{_PAPERS.get(options.preset, '')}{_changes(options)}"
    adam = options.optimizer == "adam"
    optimizer = f"{options.optimizer}{' [@kingma2015]' if adam else ''}"
    rates = _value((options.generator_learning_rate, options.discriminator_learning_rate))
    betas = f", betas {_value(options.betas)}" if adam else ""
    return (
        f"images of the {kind} [@{paper}], {preset}, trained {_STRATEGIES[options.strategy]} for "
        f"{_length(options)} in batches of {options.batch_size} with {optimizer}, learning rates "
        f"{rates} (generator, discriminator){betas}; {_techniques(options)}"
        f"{_snapshot(options, chosen)}"
    )


def _length(options: GanOptions) -> str:
    if options.iterations is not None:
        return f"{options.iterations:,} iterations"
    return f"{options.epochs:,} epochs"


def _snapshot(options: GanOptions, chosen: Sequence[int]) -> str:
    if options.snapshot == "last":
        return "the last state was used"
    which = ", ".join(f"{iteration:,}" for iteration in chosen)
    return (
        f"of the states after every {options.snapshot_every:,} iterations that had not collapsed "
        "the one was used whose images served the tuning set best, or the last state where all had"
        + (f" (used: iteration {which})" if which else "")
    )


_GANS = {
    "acgan": ("auxiliary classifier GAN", "odena2017"),
    "dcgan": ("deep convolutional GAN", "radford2016"),
    "wgan": ("Wasserstein GAN", "arjovsky2017"),
}
_STRATEGIES = {
    "joint": "on all classes together",
    "balanced": "on all classes together, each cut to the size of the smallest",
    "per-class": "once for each class",
    "transfer": "for the largest class first and, from its weights, for each other class",
}


def _changes(options: GanOptions) -> str:
    """Say in what the settings differ from the preset's."""
    told = type(options).presets[options.preset]
    given = options.model_dump()
    defaults = {key: one.default for key, one in type(options).model_fields.items()}
    changed = [
        f"{key} {_value(value)}{_instead(told, key)}"
        for key, value in given.items()
        if key not in _FREE and value is not None and value != told.get(key, defaults[key])
    ]
    return f", changed in {', '.join(changed)}" if changed else ""


def _instead(told: Mapping[str, object], key: str) -> str:
    return f" (in place of {_value(told[key])})" if told.get(key) is not None else ""


def _techniques(options: GanOptions) -> str:
    used = []
    if options.discriminator_norm == "spectral":
        used.append("spectral normalisation [@miyato2018]")
    if options.augment:
        used.append(f"differentiable augmentation [@zhao2020] ({', '.join(options.augment)})")
    if options.moving_average:
        used.append(f"a moving average of the generator (decay {options.moving_average:g})")
    if isinstance(options, AcganOptions):
        used.append(f"{options.loss} loss")
    if isinstance(options, WganOptions):
        used.append(f"{options.critic_steps} critic steps")
        if options.weight_clip is not None:
            used.append(f"weights clipped at {options.weight_clip:g}")
        if options.gradient_penalty is not None:
            used.append(f"gradient penalty {options.gradient_penalty:g} [@gulrajani2017]")
    return f"{', '.join(used)}; " if used else ""


def _classic(options: ClassicOptions) -> str:
    changes = []
    if options.horizontal_flip:
        changes.append("horizontal flips")
    if options.vertical_flip:
        changes.append("vertical flips")
    if options.degrees:
        changes.append(f"rotations up to {options.degrees:g} degrees")
    if options.translate:
        changes.append(f"shifts up to {options.translate:.0%} of the side")
    if options.scale:
        changes.append(f"zooms up to {options.scale:.0%}")
    for key in ("brightness", "contrast", "saturation"):
        if getattr(options, key):
            changes.append(f"{key} times {_range(getattr(options, key))}")
    return ", ".join(changes) or "no change switched on"


def _range(jitter: float | tuple[float, float]) -> str:
    low, high = jitter if isinstance(jitter, tuple) else (1 - jitter, 1 + jitter)
    return f"{low:g} to {high:g}"


def _limits(options: SourceTable, selected: Sequence[tuple[int, int]]) -> str:
    words = (
        f", fitted to the chosen training set of arm {options.train_on}" if options.train_on else ""
    )
    if options.select is None:
        return words
    chosen = options.select
    rule = (
        f"threshold {chosen.threshold:g}"
        if chosen.threshold is not None
        else f"the best {chosen.best} of every {chosen.of}"
    )
    kept = ", ".join(f"{kept:,} of {made:,}" for made, kept in selected)
    folds = " in the folds" if len(selected) > 1 else ""
    first = f", which kept {kept} made first{folds}" if kept else ""
    return f"{words}; of its images only those selected by {chosen.by} were used ({rule}{first})"


def _classifier(options: ClassifierOptions) -> str:
    match options:
        case FrozenOptions():
            return (
                f"a frozen {options.backbone}{_network(options.backbone)} "
                f"({_weights(options.weights)}, {_input(options.input_size)}) under "
                f"{_head(options)}"
            )
        case EndToEndOptions():
            return _end_to_end(options)
        case DiscriminatorOptions():
            return f"the discriminator of an ACGAN with the settings of source {options.source}"
        case BagOfWordsOptions():
            side = options.patch
            return (
                f"a bag of {options.words} visual words (patches of {side} x {side} pixels every "
                f"{options.stride}, {options.components} principal components), of which "
                f"{options.keep * 100:g} % were kept, with a support vector machine "
                f"(C {options.penalty:g}) [@fridadar2018]"
            )
        case _:
            return f"a classifier of another package, of kind {options.kind}"


def _end_to_end(options: EndToEndOptions) -> str:
    mean = ", less the mean of the training images" if options.normalise == "mean-image" else ""
    optimizer = options.optimizer + (" [@kingma2015]" if options.optimizer == "adam" else "")
    if options.optimizer == "sgd" and options.momentum:
        optimizer += f", Nesterov momentum {options.momentum:g}"
    decay = f", weight decay {options.weight_decay:g}" if options.weight_decay else ""
    epochs = f"{options.epochs} epochs"
    if options.patience is not None:
        epochs = (
            f"at most {epochs}, stopped after {options.patience} without a smaller loss on the "
            "tuning set"
        )
    return (
        f"{options.network}{_network(options.network)}, all layers trained from "
        f"{_weights(options.weights)} ({_input(options.input_size)}{mean}) with {optimizer}, "
        f"learning rate {options.learning_rate:g}{decay}, batches of {options.batch_size}, {epochs}"
    )


def _head(options: FrozenOptions) -> str:
    head = options.head
    if isinstance(head, AdamHead):
        outputs = " of sigmoid outputs" if head.outputs == "sigmoid" else ""
        decay = f" / (1 + {head.decay_per_step:g} t) in step t" if head.decay_per_step else ""
        return (
            f"a new last layer{outputs}, trained by Adam [@kingma2015] with learning rate "
            f"{head.learning_rate:g}{decay}, batches of {head.batch_size} and {head.epochs} epochs"
        )
    return (
        "a logistic regression on standardised features, none divided by less than a tenth of the "
        f"median deviation (L2 penalty {head.penalty:g})"
    )


def _network(name: str) -> str:
    return next((mark for start, mark in _NETWORKS.items() if name.startswith(start)), "")


def _weights(weights: Path | str) -> str:
    if isinstance(weights, Path):
        return f"the weights of {weights.name}"
    return {"random": "random weights", "imagenet": "ImageNet weights"}[weights]


def _input(size: int | None) -> str:
    return "input of the images' own size" if size is None else f"input {size} x {size}"


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return " and ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
