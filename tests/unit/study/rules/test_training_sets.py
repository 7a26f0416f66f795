import pytest

HEAD = """\
data.kind = "demo"
sources.gan.kind = "acgan"
sources.classic.kind = "classic"
arms.real = {}
"""


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        (
            "add = [{source='gan', multiple=2}, {source='classic', added=5}, "
            "{source='gan', per_class=5}]",
            [
                "add.1.added: must be multiple, as the arm's first addition has it; "
                "count all additions of an arm the same way",
                "add.2.per_class: must be multiple, as the arm's first addition has it; "
                "count all additions of an arm the same way",
            ],
        ),
        (
            "add = [{source='classic', everything=true}]",
            [
                "add.0.everything: needs a source that has an end but classic, of kind classic, "
                "has none; give multiple, added or per_class, or select its images by a threshold"
            ],
        ),
        (
            "add = [{source='gan', everything=false}]",
            ["add.0: must have one of multiple, added, per_class and everything; give just one"],
        ),
        (
            "add = [{source='gan', everything=true, per_class=5}]",
            ["add.0: must have one of multiple, added, per_class and everything; give just one"],
        ),
        (
            "add = [{source='gan', everything='yes'}]",
            ["add.0.everything: must be true or false but got 'yes'; write it without quotes"],
        ),
        (
            "base = 'real', real = 0.5",
            ["real: cannot be combined with base; set real in arm real or drop base"],
        ),
        (
            "real = 0",
            [
                "real: must be above 0 in an arm that adds nothing but got 0; "
                "add images or use real ones"
            ],
        ),
        (
            "real = 0, balance = 'gan', add = [{source='gan', multiple=1}]",
            [
                "real: must be above 0 in an arm that adds nothing but got 0; "
                "add images or use real ones"
            ],
        ),
        (
            "real = 0, search = {source = 'gan'}",
            [
                "search.start: must be above 1 in an arm without real images, which would train "
                "on nothing there, but got 1"
            ],
        ),
        (
            "real = 0, search = {source = 'gan', rule = 'sweep', added = [0, 5]}",
            [
                "search.added.0: must be above 0 in an arm without real images, which would "
                "train on nothing there, but got 0"
            ],
        ),
        (
            "real = 0, search = {source = 'gan', rule = 'saturation', multiples = [1, 5]}",
            [
                "search.multiples.0: must be above 1 in an arm without real images, which would "
                "train on nothing there, but got 1"
            ],
        ),
    ],
)
def test_arms_that_make_no_training_set(problems, arm, expected):
    found = problems(HEAD + f"arms.x = {{{arm}}}")
    assert found == [f"study.toml:5: arms.x.{line}" for line in expected]


@pytest.mark.parametrize(
    "arm",
    [
        "real = 0, add = [{source='gan', multiple=2}]",
        "real = 0, add = [{source='gan', per_class=0}, {source='classic', per_class=9}]",
        "real = 0, search = {source = 'gan', start = 2}",
        "real = 0, search = {source = 'gan', rule = 'sweep', per_class = [10, 20]}",
        "real = 0, add = [{source='classic', added=9}], search = {source = 'gan'}",
        "real = 0.5",
        "real = 1, base = 'real'",
        "add = [{source='gan', added=5}], search = {source = 'gan'}",
    ],
)
def test_arms_that_make_one(load, arm):
    load(HEAD + f"arms.x = {{{arm}}}")


@pytest.mark.parametrize(
    ("source", "has_an_end"),
    [
        ("kind='folder', path='.'", True),
        ("kind='acgan', select={by='confidence', threshold=0.9}", True),
        ("kind='acgan', select={by='confidence', best=5, of=9}", False),
        ("kind='repeat'", False),
        ("kind='callable', function='a:b'", False),
    ],
)
def test_which_sources_may_have_an_end(load, problems, source, has_an_end):
    text = HEAD + f"sources.x = {{{source}}}\narms.x.add = [{{source='x', everything=true}}]"
    if has_an_end:
        addition = load(text).arms["x"].add[0]
        assert (addition.unit, addition.amount) == ("everything", 1)
    else:
        [message] = problems(text)
        assert message.startswith("study.toml:6: arms.x.add.0.everything: needs a source that has")


def test_a_share_of_the_real_images_is_no_baseline_by_default(load, problems):
    text = HEAD.replace("arms.real = {}", "arms.half.real = 0.5\narms.real = {}")
    assert load(text).baseline_arm == "real"
    assert load(text + "baseline = 'half'").baseline_arm == "half"
    [message] = problems(HEAD.replace("arms.real = {}", "arms.half.real = 0.5"))
    assert "one must train on all real images and neither search nor add" in message
