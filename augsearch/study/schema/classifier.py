"""[classifier] and [classifiers.NAME]: what is trained on the images, one table per kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, Tag, model_validator

from augsearch.study.presets import CLASSIFIER_PRESETS
from augsearch.study.schema.tables import (
    BelowOne,
    ExistingPath,
    Fraction,
    Name,
    Table,
    choose_by,
    no_folder,
    or_else,
    registered,
    unknown_choice,
)

CLASSIFIER_PLUGINS = "augsearch.classifiers"
"""Entry point group of third-party classifiers: ``name = "package.module:ClassifierSubclass"``."""

Weights = Annotated[
    Literal["imagenet", "random"] | ExistingPath,
    or_else(
        "must be 'imagenet', 'random' or an existing file (paths start at the study file)",
        "imagenet, random",
    ),
    AfterValidator(no_folder),
]
InputSize = Annotated[int, Field(ge=32, le=1024)] | None


class AdamHead(Table):
    """A linear head trained by Adam in mini-batches, as Kong et al. 2022 train theirs."""

    kind: Literal["adam"] = "adam"
    outputs: Literal["softmax", "sigmoid"] = "softmax"
    """Softmax over the classes, or a sigmoid for each class, scaled to add up to 1."""
    epochs: Annotated[int, Field(ge=1)] = 100
    """Passes through the training set."""
    batch_size: Annotated[int, Field(ge=1)] = 8
    """Images of a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Of the first step."""
    decay: Annotated[float, Field(ge=0)] | None = None
    """Learning rate of step t is learning_rate / (1 + decay t); default learning_rate / epochs."""

    @property
    def decay_per_step(self) -> float:
        """`decay`, or its default."""
        return self.learning_rate / self.epochs if self.decay is None else self.decay


class LogisticHead(Table):
    """Logistic regression on standardised features, L2 penalty, to convergence."""

    kind: Literal["logistic"]
    penalty: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the L2 penalty, the inverse of scikit-learn's C."""


HeadOptions = Annotated[
    Annotated[AdamHead, Tag("adam")] | Annotated[LogisticHead, Tag("logistic")],
    choose_by("kind", "adam", "logistic", default="adam"),
]


class FrozenOptions(Table):
    """A frozen torchvision network with a new head."""

    kind: Literal["frozen"] = "frozen"
    backbone: str = "densenet121"
    """A torchvision network, by its name there."""
    weights: Weights = "imagenet"
    """ImageNet's, random ones, or a file: torchvision, CheXNet, torchxrayvision, safetensors."""
    input_size: InputSize = None
    """Images are resized to this before the backbone; default: the size of the study's images."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """What the backbone computes in; "auto": bf16 where the processor or GPU has it."""
    head: HeadOptions = AdamHead()
    """What is trained on the features."""


OWN_NETWORKS = ("fridadar2018", "roglin2022")
"""Networks for end-to-end training that torchvision does not have."""


class EndToEndOptions(Table):
    """A network of which every layer is trained."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind"]})  # presets give the rest

    kind: Literal["end-to-end"]
    preset: str | None = None
    """Settings of a published network; keys beside it change them."""
    network: str
    """"fridadar2018", "roglin2022" or a torchvision network that can also be a backbone."""
    weights: Weights = "random"
    """What training starts from; the last layer is always new."""
    input_size: InputSize = None
    """Images are resized to this before the network; default: the size of the study's images."""
    optimizer: Literal["adam", "sgd", "rmsprop"] = "adam"
    """"sgd" has Nesterov momentum."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Of the optimizer, the same in all epochs."""
    momentum: BelowOne = 0.9
    """Of "sgd" alone."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty as the optimizer takes it."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """An epoch's last batch may be short; a last image alone joins the batch before."""
    epochs: Annotated[int, Field(ge=1)] = 100
    """Passes through the training set."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many epochs without a smaller tuning loss and take the best epoch's weights;
    default: train all epochs and take the last."""
    normalise: Literal["imagenet", "mean-image"] = "imagenet"
    """Subtract torchvision's channel means and divide by its deviations, or subtract the mean of
    the training images, pixel by pixel."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """What training computes in; "auto": bf16 where the processor or GPU has it, but float32 on a
    processor if the network has grouped convolutions. Weights, losses and predictions are float32
    in either."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("preset") is None:
            return given
        preset = given["preset"]
        if not isinstance(preset, str) or preset not in CLASSIFIER_PRESETS:
            raise unknown_choice("preset", CLASSIFIER_PRESETS)
        return CLASSIFIER_PRESETS[preset] | given


class DiscriminatorOptions(Table):
    """The discriminator of an ACGAN that is trained on the arm's training set."""

    kind: Literal["discriminator"]
    source: Name
    """The table of [sources], an acgan, whose settings are used."""


class BagOfWordsOptions(Table):
    """Bag of visual words with a support vector machine, as Frid-Adar et al. 2018 compare with."""

    kind: Literal["bag-of-words"]
    patch: Annotated[int, Field(ge=3, le=64)] = 11
    """Side of the square patches in pixels."""
    stride: Annotated[int, Field(ge=1)] = 2
    """Distance of two patches in pixels."""
    components: Annotated[int, Field(ge=1)] = 10
    """Principal components that a patch is reduced to."""
    words: Annotated[int, Field(ge=2)] = 750
    """Size of the dictionary."""
    keep: Fraction = 0.35
    """Share of the words that is kept, those of the largest mutual information with the class."""
    penalty: Annotated[float, Field(gt=0)] = 1.0
    """The support vector machine's C."""


_BUILT_IN_CLASSIFIERS = ("frozen", "end-to-end", "discriminator", "bag-of-words")


class PluginClassifierOptions(Table):
    """A classifier that another package registers as an entry point of augsearch.classifiers."""

    kind: Annotated[str, Field(json_schema_extra={"not": {"enum": list(_BUILT_IN_CLASSIFIERS)}})]
    """The entry point's name."""
    options: dict[str, Any] = Field({})
    """Given to its class as keyword arguments."""


ClassifierOptions = Annotated[
    Annotated[FrozenOptions, Tag("frozen")]
    | Annotated[EndToEndOptions, Tag("end-to-end")]
    | Annotated[DiscriminatorOptions, Tag("discriminator")]
    | Annotated[BagOfWordsOptions, Tag("bag-of-words")]
    | Annotated[
        PluginClassifierOptions,
        registered(CLASSIFIER_PLUGINS, _BUILT_IN_CLASSIFIERS),
        Tag("plugin"),
    ],
    choose_by("kind", *_BUILT_IN_CLASSIFIERS, default="frozen", other="plugin"),
]
