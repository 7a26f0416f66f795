import json
from collections.abc import Callable

import pytest

from augsearch.study.compare import differences, flatten
from augsearch.study.json_schema import study_schema
from augsearch.study.schema.preprocessing import (
    CropStep,
    DenoiseStep,
    NormaliseStep,
    ResizeStep,
)
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

STEPS = (
    'images.preprocess = ["normalise", { step = "denoise", radius = 2 }, "crop", '
    '{ step = "resize", size = 256, method = "area" }]'
)


def test_a_word_is_a_step_with_its_defaults(load: Load, valid: str) -> None:
    images = load(valid.replace("seed = 3", STEPS)).images
    assert images.preprocess == (
        NormaliseStep(step="normalise", cut=0.0),
        DenoiseStep(step="denoise", radius=2),
        CropStep(step="crop", threshold=0.18, margin=0.0),
        ResizeStep(step="resize", size=256, method="area"),
    )
    assert images.resize == "bicubic"


def test_nothing_is_done_unless_it_is_asked_for(load: Load, valid: str) -> None:
    assert load(valid).images.preprocess == ()


def test_steps_are_kept_and_compared_as_settings(load: Load, valid: str) -> None:
    study = load(valid.replace("seed = 3", STEPS))
    kept = json.loads(json.dumps(study.model_dump(mode="json")))
    assert StudyFile.model_validate(kept) == study
    assert flatten(study)["images.preprocess.1.radius"] == "2"
    other = load(valid.replace("seed = 3", STEPS.replace("radius = 2", "radius = 3")))
    assert differences(kept, other) == ["images.preprocess.1.radius: 2 -> 3"]


_RULE = 'must be one of normalise, denoise, crop, resize in quotes, or a table, {step = "crop"},'
FAULTS = [
    ("preprocess = 'crop'", "preprocess: must be a list, [like, this], but got 'crop'"),
    (
        "preprocess = ['normalize']",
        f"preprocess.0: {_RULE} but got 'normalize' (did you mean 'normalise'?)",
    ),
    ("preprocess = ['crop', 3]", f"preprocess.1: {_RULE} but got 3"),
    (
        "preprocess = ['crop', { step = 'cropp' }]",
        "preprocess.1.step: must be one of normalise, denoise, crop, resize but got 'cropp' "
        "(did you mean 'crop'?)",
    ),
    (
        "preprocess = [{ radius = 2 }]",
        "preprocess.0.step: is missing; it must be one of normalise, denoise, crop, resize",
    ),
    (
        "preprocess = ['crop', { step = 'denoise', radus = 2 }]",
        "preprocess.1.radus: unknown key (did you mean 'radius'?)",
    ),
    (
        "preprocess = [{ step = 'denoise', radius = 11 }]",
        "preprocess.0.radius: must be at most 10 but got 11",
    ),
    (
        "preprocess = [{ step = 'normalise', cut = 0.5 }]",
        "preprocess.0.cut: must be less than 0.5 but got 0.5",
    ),
    (
        "preprocess = [{ step = 'crop', threshold = 'otso' }]",
        "preprocess.0.threshold: must be 'otsu' or a number greater than 0 and less than 1 "
        "but got 'otso' (did you mean 'otsu'?)",
    ),
    (
        "preprocess = [{ step = 'crop', threshold = 45 }]",
        "preprocess.0.threshold: must be 'otsu' or a number greater than 0 and less than 1 "
        "but got 45",
    ),
    ("preprocess = ['resize']", "preprocess.0.size: is missing"),
    (
        "preprocess = [{ step = 'resize', size = 64, method = 'bilinar' }]",
        "preprocess.0.method: must be one of bicubic, bilinear, area but got 'bilinar' "
        "(did you mean 'bilinear'?)",
    ),
    (
        "resize = 'cubic'",
        "resize: must be one of bicubic, bilinear, area but got 'cubic' (did you mean 'bicubic'?)",
    ),
]


@pytest.mark.parametrize(("line", "message"), FAULTS)
def test_one_fault_one_message(problems: Problems, valid: str, line: str, message: str) -> None:
    text = valid.replace("seed = 3", f"images.{line}")
    assert problems(text) == [f"study.toml:1: images.{message}"]


def test_a_fault_in_a_long_list_has_its_own_line(problems: Problems, valid: str) -> None:
    text = 'images.preprocess = [\n    "crop",\n    "denoise ",\n]\n' + valid
    assert problems(text) == [
        f"study.toml:3: images.preprocess.1: {_RULE} but got 'denoise ' (did you mean 'denoise'?)"
    ]


def test_the_json_schema_has_both_forms() -> None:
    schema = study_schema()
    words, tables = schema["$defs"]["Images"]["properties"]["preprocess"]["items"]["anyOf"]
    assert words == {"enum": ["normalise", "denoise", "crop"]}
    names = [table["$ref"].rpartition("/")[2] for table in tables["oneOf"]]
    assert names == ["NormaliseStep", "DenoiseStep", "CropStep", "ResizeStep"]
    for name in names:
        assert "step" in schema["$defs"][name]["required"]
