"""[sources.NAME] of the kinds acgan, dcgan and wgan: sources that are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from augsearch.study.presets import ACGAN_PRESETS, DCGAN_PRESETS, WGAN_PRESETS
from augsearch.study.schema.selection import SourceTable
from augsearch.study.schema.tables import BelowOne, Counts, unknown_choice

Strategy = Annotated[
    Literal["joint", "balanced", "per-class", "transfer"],
    Field(
        description="joint: one network for all classes; balanced: the same, with every class cut "
        "to the number of the smallest one; per-class: one network for each class; transfer: the "
        "same, the largest class first, and its weights start the others (methods I to IV of "
        "Röglin et al. 2022)."
    ),
]


class GanOptions(SourceTable):
    """What all kinds of GAN share; what has no default here comes from the preset."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind"]})  # presets give the rest

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    preset: str = "small-data"
    """Settings that the other keys change one by one."""
    strategy: Strategy
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on all numbers of filters."""
    latent_dim: Annotated[int, Field(ge=1)]
    """Numbers that the generator draws an image from."""
    latent: Literal["normal", "uniform"] = "normal"
    """N(0, 1) or U(-1, 1)."""
    generator_filters: Counts
    """Maps that enter each transposed convolution and, last, an output convolution."""
    generator_kernel: Annotated[int, Field(ge=2, le=9)]
    """Side of its kernels."""
    generator_dense_norm: bool = False
    """Batch norm after the dense layer too."""
    generator_output: Literal["transposed", "convolution"] = "transposed"
    """The last layer: the last transposed convolution, or one more that keeps the size."""
    discriminator_filters: Counts
    """Maps that leave each convolution."""
    discriminator_kernel: Annotated[int, Field(ge=2, le=9)]
    """Side of its kernels."""
    discriminator_norm: Literal["batch", "spectral", "layer"]
    """What keeps its layers in bounds."""
    dropout: BelowOne = 0.0
    """Share of its activations that each step leaves out."""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """Of both networks."""
    generator_learning_rate: Annotated[float, Field(gt=0)]
    """Of the optimizer."""
    discriminator_learning_rate: Annotated[float, Field(gt=0)]
    """Of the optimizer."""
    betas: Annotated[tuple[BelowOne, BelowOne], Field(strict=False)] = (0.5, 0.999)
    """Of "adam" alone."""
    batch_size: Annotated[int, Field(ge=2)]
    """Real images of an update, and as many synthetic ones."""
    iterations: Annotated[int, Field(ge=1)] | None = None
    """Updates of each generator."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """In place of iterations: so many times training images over batch size, rounded up."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """What the networks compute in; weights, losses and optimisers are float32. auto: bf16 where
    processor or graphics card have it."""
    moving_average: BelowOne = 0.0
    """Decay of the exponential moving average of the generator; 0 is off."""
    augment: Annotated[
        tuple[Literal["brightness", "contrast", "translation", "flip"], ...], Field(strict=False)
    ] = ()
    """Differentiable augmentation of real and synthetic images alike, in the discriminator."""
    snapshot: Literal["last", "best"] = "last"
    """"best": of the snapshots that have not collapsed, the one whose images train the head that
    scores best on tuning images: alone, or, if a network makes one class only, in place of that
    class's real images."""
    snapshot_every: Annotated[int, Field(ge=1)] = 500
    """Iterations between two snapshots, each with a grid of its images."""
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Iterations between two states that a killed training can go on from; not given: about half a
    minute."""

    @property
    def n_doublings(self) -> int:
        """How often the generator doubles the side of its maps."""
        return len(self.generator_filters) - (self.generator_output == "convolution")

    @property
    def labelled(self) -> bool:
        """Whether the trained source can be asked for images of a class."""
        return self.strategy in ("per-class", "transfer")

    def length(self, n_images: int) -> int:
        """Return the iterations of a training on so many images."""
        if self.iterations is not None:
            return self.iterations
        return (self.epochs or 0) * -(-n_images // self.batch_size)

    def total_length(self, class_counts: Sequence[int]) -> int:
        """Return the iterations of all trainings of this source, given each class's images."""
        present = [count for count in class_counts if count]
        if self.strategy in ("per-class", "transfer"):
            return sum(map(self.length, present))
        if self.strategy == "balanced":
            return self.length(min(class_counts) * len(class_counts))
        return self.length(sum(present))

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = given.get("preset", "small-data")
        if not isinstance(preset, str) or preset not in cls.presets:
            raise unknown_choice("preset", cls.presets)
        told = {key for keys in _EITHER if any(key in given for key in keys) for key in keys}
        kept = {key: value for key, value in cls.presets[preset].items() if key not in told}
        return kept | given

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for one, other in _EITHER:
            if hasattr(self, one) and (getattr(self, one) is None) == (
                getattr(self, other) is None
            ):
                raise ValueError(f"must have either {one} or {other}; give one of them")
        if self.n_doublings < 1:
            raise ValueError(
                "generator_filters must have at least 2 entries for an output convolution but has 1"
            )
        return self


_EITHER = (("iterations", "epochs"), ("weight_clip", "gradient_penalty"))
"""Keys of which exactly one is given; one in the study file takes the preset's other one away."""


class AcganOptions(GanOptions):
    """A class-conditional GAN with an auxiliary classifier (Odena et al. 2017)."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = ACGAN_PRESETS

    kind: Literal["acgan"]
    strategy: Strategy = "joint"
    embedding_dim: Annotated[int, Field(ge=1)]
    """Length of the vector that stands for a class."""
    label_layer: Annotated[int, Field(ge=1, le=10)] = 1
    """The transposed convolution that the label's map joins, from 1 on."""
    loss: Literal["cross-entropy", "hinge"]
    """Of real against synthetic."""
    balanced_batches: bool = False
    """Draw real batches uniform over the classes; else uniform over the images: then a rare class
    is seldom seen as real beside its synthetic images, and the label gives the source away."""

    @property
    def labelled(self) -> bool:
        """Whether the trained source can be asked for images of a class."""
        return True

    @model_validator(mode="after")
    def _label_joins(self) -> Self:
        if self.label_layer > self.n_doublings:
            raise ValueError(
                f"label_layer must be at most the number of transposed convolutions, "
                f"{self.n_doublings}, but got {self.label_layer}"
            )
        return self


class DcganOptions(GanOptions):
    """A GAN without classes (Radford et al. 2016), by default one for each class."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = DCGAN_PRESETS

    kind: Literal["dcgan"]
    strategy: Strategy = "per-class"
    loss: Literal["cross-entropy", "hinge"]
    """Of real against synthetic."""


class WganOptions(GanOptions):
    """A Wasserstein GAN without classes (Arjovsky et al. 2017)."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = WGAN_PRESETS

    kind: Literal["wgan"]
    strategy: Strategy = "joint"
    critic_steps: Annotated[int, Field(ge=1)]
    """Updates of the critic for each one of the generator."""
    weight_clip: Annotated[float, Field(gt=0)] | None = None
    """The critic's weights are kept within this, either way."""
    gradient_penalty: Annotated[float, Field(gt=0)] | None = None
    """In place of weight_clip: factor on the squared difference of the gradient's norm from 1."""

    @model_validator(mode="after")
    def _independent_images(self) -> Self:
        if self.gradient_penalty is not None and self.discriminator_norm == "batch":
            raise ValueError(
                "discriminator_norm must not be 'batch' with gradient_penalty, which is a penalty "
                "on each image alone (Gulrajani et al. 2017); use 'layer' or weight_clip"
            )
        return self


TrainedOptions = AcganOptions | DcganOptions | WganOptions
TRAINED = (AcganOptions, DcganOptions, WganOptions)
"""Sources that are trained for minutes or hours: generators. A new one's options belong here."""
