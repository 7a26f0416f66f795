from collections.abc import Callable

import pytest

from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

FAMILIES = "densenet, resnet, resnext, wide_resnet, efficientnet_v2"

CLASSIFIERS = """\
data.kind = "demo"
sources.gan.kind = "acgan"
sources.dcgan.kind = "dcgan"
[classifiers.words]
kind = "bag-of-words"
[classifiers.critic]
kind = "discriminator"
source = "gan"
[arms.real]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "[arms.real]",
            "[arms.real]\nclassifier = 'word'",
            "10: arms.real.classifier: must name a table of [classifiers] (words, critic) but got "
            "'word' (did you mean 'words'?)",
        ),
        (  # [classifier] itself is for arms that name none
            "[arms.real]",
            "[arms.real]\nclassifier = 'classifier'",
            "10: arms.real.classifier: must name a table of [classifiers] (words, critic) but got "
            "'classifier'",
        ),
        (
            "[classifiers.words]",
            "[classifiers.classifier]",
            "4: classifiers.classifier: must have another name: 'classifier' is what [classifier] "
            "is called",
        ),
        (
            'source = "gan"',
            'source = "dcgan"',
            "8: classifiers.critic.source: must name an acgan of [sources] (gan) but got 'dcgan' "
            "(did you mean 'gan'?)",
        ),
        (
            'source = "gan"',
            'source = "gn"',
            "8: classifiers.critic.source: must name an acgan of [sources] (gan) but got 'gn' "
            "(did you mean 'gan'?)",
        ),
    ],
)
def test_classifiers_by_name(
    problems: Problems, load: Load, old: str, new: str, expected: str
) -> None:
    load(CLASSIFIERS + "classifier = 'critic'")
    assert problems(CLASSIFIERS.replace(old, new)) == [f"study.toml:{expected}"]


def test_without_further_classifiers_the_message_says_so(problems: Problems) -> None:
    assert problems("data.kind = 'demo'\narms.real.classifier = 'x'") == [
        "study.toml:2: arms.real.classifier: must name a table of [classifiers] (none yet) but "
        "got 'x'"
    ]


TUNED = "data.kind = 'demo'\narms.real = {}\nsources.gan.kind = 'acgan'\n[classifier]\n"
OWN = "must be 'random' for network fridadar2018, whose weights nobody publishes,"


@pytest.mark.parametrize(
    ("table", "values", "expected"),
    [
        (
            "kind = 'frozen'",
            "backbone = ['resnet18', 'vgg16', 'vgg19']",
            "6: tune.parameters.backbone: [classifier] does not take 'vgg16': must be a "
            f"torchvision name that begins with {FAMILIES} but got 'vgg16'",
        ),
        (
            "kind = 'end-to-end', network = 'resnet18'",
            "network = ['roglin2022', 'fridadar2081']",
            "6: tune.parameters.network: [classifier] does not take 'fridadar2081': must be "
            f"fridadar2018, roglin2022 or a torchvision name that begins with {FAMILIES} but got "
            "'fridadar2081' (did you mean 'fridadar2018'?)",
        ),
        (
            "kind = 'end-to-end', network = 'resnet18', weights = 'imagenet'",
            "network = ['resnet50', 'fridadar2018']",
            "6: tune.parameters.network: [classifier] does not take 'fridadar2018': weights "
            f"{OWN} but got 'imagenet'; drop weights",
        ),
        (
            "kind = 'end-to-end', network = 'fridadar2018'",
            "weights = ['random', 'imagenet']",
            f"6: tune.parameters.weights: [classifier] does not take 'imagenet': {OWN} but got "
            "'imagenet'; drop weights",
        ),
        (  # each value by itself is one that the table takes
            "kind = 'end-to-end', network = 'resnet18'",
            "network = ['resnet18', 'fridadar2018'], weights = ['random', 'imagenet']",
            f"6: tune.parameters.weights: [classifier] does not take 'imagenet': {OWN} but got "
            "'imagenet'; drop weights",
        ),
        (
            "kind = 'discriminator', source = 'gan'",
            "source = ['gan', 'gam']",
            "6: tune.parameters.source: [classifier] does not take 'gam': must name an acgan of "
            "[sources] (gan) but got 'gam' (did you mean 'gan'?)",
        ),
    ],
)
def test_names_among_the_values_of_tune(
    problems: Problems, table: str, values: str, expected: str
) -> None:
    text = TUNED.replace("[classifier]\n", f"classifier = {{{table}}}\n\n")
    assert problems(f"{text}tune.parameters = {{{values}}}") == [f"study.toml:{expected}"]


def test_what_is_wrong_whatever_is_tuned_is_said_once(problems: Problems) -> None:
    table = "kind = 'end-to-end'\nnetwork = 'vgg16'\n"
    [message] = problems(TUNED + table + "[tune]\nparameters.weights = ['random', 'imagenet']")
    assert message.startswith("study.toml:6: classifier.network: must be fridadar2018, roglin2022")


def test_names_of_every_arms_classifier_are_tried(problems: Problems, load: Load) -> None:
    other = "[classifiers.other]\nkind = 'end-to-end'\nnetwork = 'fridadar2018'\n"
    tune = "[tune]\nparameters.weights = ['random', 'imagenet']\n"
    load(TUNED + other + tune)  # no arm uses it
    [message] = problems(TUNED + other + "[arms.two]\nclassifier = 'other'\n" + tune)
    assert message.startswith("study.toml:11: tune.parameters.weights: [classifiers.other] does")
