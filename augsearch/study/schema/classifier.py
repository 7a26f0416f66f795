"""[classifier]: the backbone, its weights, and the head that is trained on its features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag

from augsearch.study.schema.tables import ExistingPath, Table, choose_by, no_folder, or_else


class AdamHead(Table):
    """A linear head trained by Adam in mini-batches, as Kong et al. 2022 train theirs."""

    kind: Literal["adam"] = "adam"
    outputs: Literal["softmax", "sigmoid"] = "softmax"
    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    decay: Annotated[float, Field(ge=0)] | None = None
    """Learning rate of step t is learning_rate / (1 + decay t); default learning_rate / epochs."""


class LogisticHead(Table):
    """Logistic regression on standardised features, L2 penalty, to convergence."""

    kind: Literal["logistic"]
    penalty: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the L2 penalty, the inverse of scikit-learn's C."""


HeadOptions = Annotated[
    Annotated[AdamHead, Tag("adam")] | Annotated[LogisticHead, Tag("logistic")],
    choose_by("kind", "adam", "logistic", default="adam"),
]


class ClassifierOptions(Table):
    """A frozen torchvision network with a new head."""

    backbone: str = "densenet121"
    weights: Annotated[
        Literal["imagenet", "random"] | ExistingPath,
        or_else(
            "must be 'imagenet', 'random' or an existing file (paths start at the study file)",
            "imagenet, random",
        ),
        AfterValidator(no_folder),
    ] = "imagenet"
    input_size: Annotated[int, Field(ge=32, le=1024)] | None = None
    """Images are resized to this before the backbone; default: the size of the study's images."""
    head: HeadOptions = AdamHead()
