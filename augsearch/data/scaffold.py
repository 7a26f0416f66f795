"""The study file that `augsearch init FOLDER` writes: valid, commented, made for the folder."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path

from augsearch.data.conventions import FEW_IMAGES
from augsearch.data.readers.layouts import Layout, recognise
from augsearch.errors import DataError
from augsearch.study.presets import ACGAN_PRESETS

_UNEVEN = 1.5


def scaffold_study(folder: Path, relative_to: Path) -> str:
    """Return the text of a study file for the images in `folder`.

    Args:
        folder: Class folders of images or DICOM files, a table or a .npz in it, or a .csv or .npz
            itself.
        relative_to: The folder that the study file will lie in; the data's path starts there.

    Raises:
        DataError: Nothing in the folder can be used; the message says what would be.
    """
    layout = recognise(folder)
    before = [_HEAD, _images(layout), _data(layout, relative_to), _split(layout)]
    text = "\n".join([*before, _SOURCES, _CLASSIFIER, _arms(layout)])
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"names of files, folders and classes must be UTF-8 but some in {folder} are not; "
            "rename them"
        ) from None
    return text


_HEAD = """\
# A study: how many images should be added to this data set, and does it help at all?
#
#   augsearch check THIS_FILE    looks at file and images, and says how long a run would take
#   augsearch run THIS_FILE      does everything; the same command continues a run that was stopped
#   augsearch schema study       prints every key there is
#
# The study is called like this file. Paths start at this file's folder. A line that begins with #
# is a comment: remove the # of a setting to use it.

seed = 0           # all randomness comes from it; another number repeats the study independently
device = "auto"    # the graphics card if there is one; or "cuda", "mps", "cpu"
"""

_ITERATIONS = ACGAN_PRESETS["small-data"]["iterations"]
_SOURCES = f"""\
# Where added images can come from. The name after the dot is yours; arms refer to it.
# A generator, trained on the training set alone. "small-data" suits a few hundred images;
# "kong2022" is the recipe of Kong et al. 2022, which wants a graphics card.
[sources.acgan]
kind = "acgan"
preset = "small-data"
# iterations = {_ITERATIONS:<6} # of this preset; too long a training ends in copies
# width = 0.5          # half as many filters in each layer: faster, with less detail

# Real images, slightly changed. Leave out what would change the diagnosis: for instance
# horizontal_flip = false if left and right matter.
[sources.classic]
kind = "classic"
horizontal_flip = true
degrees = 10.0

# Images that you made elsewhere, with a diffusion model for instance: one folder per class, called
# like the classes above. An arm's search in them ends with the last of them. The model must not
# have seen tuning or test images: divide these before you train it, in a column of a table.
# [sources.made]
# kind = "folder"
# path = "..."
"""

_CLASSIFIER = """\
# A network pretrained on photographs, kept as it is, and a new last layer trained on its features.
[classifier]
backbone = "densenet121"    # or another densenet, resnet, efficientnet_v2 of torchvision
weights = "imagenet"        # downloaded once; or the path of a weights file, or "random"

[evaluation]
metric = "auc"          # what the search maximises on the tuning set
replicates = 1          # trainings per amount; 3 to 5 make the curve calmer
test_replicates = 5     # fresh trainings per arm for the final test
# The chosen amount once more with real images, repeated and changed: more images are more training
# steps, too, and these show what those bring by themselves.
controls = true
"""


def _images(layout: Layout) -> str:
    side = 64 if layout.size is None else min(max(math.ceil(layout.size / 8) * 8, 8), 128)
    return f"""\
# Every image is brought to this shape.
[images]
size = {side:<8} # height and width in pixels; the generator needs a multiple of 8
channels = {layout.channels:<4} # 1 for grey images, 3 for colour
# preprocess = ["normalise", "crop"]    # before that: stretch the greys, cut off black borders
# on_bad_image = "skip"    # go on without files that cannot be read, instead of stopping
{_WINDOW if layout.kind == "dicom" else ""}"""


def _data(layout: Layout, relative_to: Path) -> str:
    where = "training images" if layout.kind == "medmnist" else "images"
    lines = [f"# Found {sum(layout.counts.values())} {where}:"]
    lines += [f"#   {n:6d}  {_quoted(name)}" for name, n in layout.counts.items()]
    if min(layout.counts.values()) < FEW_IMAGES:
        lines.append(
            f"# Fewer than {FEW_IMAGES} images of a class: a generator may do more harm than good."
        )
    lines += ["[data]", f'kind = "{layout.kind}"', f"path = {_path(layout.path, relative_to)}"]
    lines += _KEYS[layout.kind](layout)
    lines += [
        "",
        "# Images of another hospital, read once at the end, beside the test set:",
        "# [external]",
        f'# kind = "{layout.kind}"',
        '# path = "..."',
    ]
    return "\n".join(lines) + "\n"


def _folder(layout: Layout) -> list[str]:
    return [
        f"classes = {_list(layout)}    # the positive one last",
        "# One patient's images must stay together: say where file names hold the patient, in the",
        "# brackets of a regular expression; here it is all that stands before the first _.",
        "# group_pattern = '^([^_]+)_'",
    ]


def _csv(layout: Layout) -> list[str]:
    columns = layout.columns
    lines = [f"{role}_column = {_quoted(columns[role])}" for role in ("image", "label")]
    if "group" in columns:
        lines.append(
            f"group_column = {_quoted(columns['group'])}    # images of one patient stay together"
        )
    elif layout.kind == "dicom":
        lines.append(_PATIENTS)
    else:
        lines += [
            "# No column was recognised as the patient. If there is one, name it: images of one",
            "# patient in both training and test set make every result too good.",
            '# group_column = "patient_id"',
        ]
    if "split" in columns:
        lines.append(f"split_column = {_quoted(columns['split'])}")
    if layout.findings:
        pairs = ", ".join(f"{_quoted(name)} = {_quoted(name)}" for name in layout.counts)
        lines += [
            "# Class name = the finding that makes an image one of it; the positive one last.",
            "# Images with neither are left out. Choose two that no image has both of, out of:",
            *(f"#   {n:6d}  {_quoted(name)}" for name, n in layout.findings.items()),
            f"contains = {{ {pairs} }}",
        ]
    else:
        lines.append(f"classes = {_list(layout)}    # the positive one last")
    return lines


def _medmnist(layout: Layout) -> list[str]:
    names = ", ".join(f'"name of {name}"' for name in layout.counts)
    return [f"# classes = [{names}]"]


def _dicom(layout: Layout) -> list[str]:
    if layout.columns:
        return _csv(layout)
    return [f"classes = {_list(layout)}    # the positive one last", _PATIENTS]


_WINDOW = """\
# intensity_range = [-160, 240]    # of CT, in Hounsfield units; default: each file's own window
"""
_PATIENTS = "# The patient ID tag keeps one patient's images together; it is not written anywhere."
_KEYS = {"csv": _csv, "dicom": _dicom, "folder": _folder, "medmnist": _medmnist}


def _split(layout: Layout) -> str:
    if layout.has_split:
        return """\
# The data say which images train, tune (choose the amount) and test (are read once, at the end).
[split]
method = "given"
"""
    return """\
# Training set, tuning set (chooses the amount) and test set (read once, at the end), by patient.
[split]
method = "hold-out"
train = 0.7
tune = 0.1
test = 0.2
# Better with few images, at n_folds times the work: write these three lines instead.
# method = "k-fold"
# n_folds = 5
# test = 0.2
"""


def _arms(layout: Layout) -> str:
    uneven = max(layout.counts.values()) > _UNEVEN * min(layout.counts.values())
    balanced = """
# The classes differ in size: smaller ones filled up with generated images. The search starts there.
[arms.balanced]
balance = "acgan"
"""
    balance = 'balance = "acgan"\n' if uneven else ""
    return f"""\
# What is compared: each arm is one recipe of a training set.
[arms.real]    # the images as they are
{balanced if uneven else ""}
[arms.classic]    # a fixed amount: twice the data, by classic augmentation
add = [{{ source = "classic", multiple = 2 }}]

# An amount that is searched: 1, 2, 3 ... times the data, until none of the last 12 was better, as
# Kong et al. 2022 do. For new work rule = "halving" (without window) is recommended: fewer, wider
# spaced amounts, and more trainings of the best ones.
[arms.search]
{balance}search = {{ source = "acgan", rule = "sliding-window", window = 12 }}
"""


def _path(path: Path, relative_to: Path) -> str:
    place, start = os.path.realpath(path), os.path.realpath(relative_to)
    with contextlib.suppress(ValueError):  # another drive (Windows)
        place = os.path.relpath(place, start)
    return _quoted(Path(place).as_posix())


def _list(layout: Layout) -> str:
    return f"[{', '.join(_quoted(name) for name in layout.counts)}]"


def _quoted(text: str) -> str:
    """Write TOML text; its escapes are JSON's, which leaves one character as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
