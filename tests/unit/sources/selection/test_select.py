import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from sklearn.neighbors import NearestNeighbors

from augsearch.errors import SourceError
from augsearch.events import Advanced, Selected
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.records import Portion
from augsearch.seeds import Seed
from augsearch.sources.base import Expert, FitContext, Source
from augsearch.sources.pools.kinds import ScoredPool, UnlabelledPool
from augsearch.sources.pools.numbering import STREAM
from augsearch.sources.pools.store import PoolStore
from augsearch.sources.registry import create_source
from augsearch.sources.selection.grading import CHUNK, Nearness
from augsearch.sources.selection.select import Selection
from augsearch.sources.selection.sifted_pool import PATIENCE
from augsearch.study.schema.selection import SelectOptions
from augsearch.study.schema.sources import ClassicOptions, FolderOptions
from augsearch.testing.images import toy_images
from augsearch.testing.sources import check_source

TRAIN = toy_images((9, 6, 7), size=2)


def noise(key, start, stop):
    """Return a 2 x 2 image for each number, a pure function of key and number."""
    numbers = np.arange(start, stop, dtype=np.uint64) * np.uint64(4) + np.uint64(key)
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (
        (mixed ^ (mixed >> np.uint64(32))).view(np.uint8).reshape(-1, 8)[:, :4].reshape(-1, 2, 2, 1)
    )


class Noise(ScoredPool):
    """Three classes of noise; whoever scores it likes a bright lower right pixel, in 8 steps."""

    def __init__(self, end=None):
        self.end = end

    def size(self, label):
        return self.end

    def images(self, label, start, stop):
        if self.end is not None and stop > self.end:
            raise SourceError(f"only {self.end}")
        return noise(label, start, stop)

    def realness(self, label, start, stop):
        return self.images(label, start, stop)[:, 1, 1, 0] // 32 - 4.0


class Mixed(UnlabelledPool):
    def __init__(self):
        pass

    def candidates(self, start, stop):
        return noise(3, start, stop)


class Fixed(Source):
    def __init__(self, pool):
        self.pool = pool

    def fit(self, train, context):
        return self.pool


class Eyes(Expert):
    """Probability of a class: share of one of the first three corners; features: all four."""

    def __init__(self):
        self.asked = 0

    def predict_proba(self, pixels):
        self.asked += len(pixels)
        votes = self.corners(pixels)[:, :3] + 1.0
        return votes / votes.sum(axis=1, keepdims=True)

    def embedding(self, pixels):
        self.asked += len(pixels)
        return self.corners(pixels).astype(np.float32)

    def corners(self, pixels):
        return pixels[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]

    def training_images(self, label):
        return TRAIN.pixels[TRAIN.labels == label]


@pytest.fixture
def context(tmp_path):
    return FitContext("made", 2, Seed.of(0), tmp_path / "fit", expert=Eyes())


def selected(pool, context, **options):
    return Selection(Fixed(pool), SelectOptions(**options)).fit(TRAIN, context)


class Known(Source):
    def fit(self, train, context):
        return Noise(end=30)

    def sizes(self, classes):
        return 30, None, 0


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"best": 2, "of": 7}, [8, None, 0]),
        ({"threshold": 0, "of": 20}, [20, 20, 0]),
        ({"threshold": 0, "of": 40}, [30, 40, 0]),
    ],
)
def test_a_look_tells_how_many_images_can_be_kept(context, options, sizes):
    selection = Selection(Known(), SelectOptions(by="confidence", **options))
    assert selection.sizes(TRAIN.classes) == sizes
    assert selection.fit(TRAIN, context).size(0) == sizes[0]


def one_by_one(pool, label, stream, by):
    """Yield (image, its class, its grade) of every candidate of a stream, each made alone."""
    eyes = Eyes()
    nearest = {
        c: NearestNeighbors(n_neighbors=2).fit(eyes.embedding(eyes.training_images(c)))
        for c in range(3)
    }
    units = {c: np.median(own.kneighbors()[0][:, 0]) for c, own in nearest.items()}
    for number in itertools.count(stream * STREAM):
        if isinstance(pool, Mixed):
            image = pool.candidates(number, number + 1)
            label = int(eyes.predict_proba(image)[0].argmax())
        else:
            image = pool.images(label, number, number + 1)
        if by == "confidence":
            grade = eyes.predict_proba(image)[0, label]
        elif by == "discriminator":
            grade = pool.realness(label, number, number + 1)[0]
        else:
            grade = -nearest[label].kneighbors(eyes.embedding(image), 1)[0][0, 0] / units[label]
        yield image[0], label, grade


def passing(pool, label, stream, count, by, threshold):
    """Return the first `count` candidates of a class that pass, by a plain loop."""
    found = (
        image
        for image, own, grade in one_by_one(pool, label, stream, by)
        if own == label and grade >= threshold
    )
    return np.array(list(itertools.islice(found, count)))


@pytest.mark.parametrize("stream", [0, 70_000])
@pytest.mark.parametrize(
    ("pool", "by", "threshold", "least"),
    [
        (Noise(), "confidence", 0.5, 0.5),
        (Noise(), "discriminator", 2, 2),
        (Noise(), "distance", 2.5, -2.5),
        (Mixed(), "confidence", 0.5, 0.5),
        (Mixed(), "distance", 4, -4),
    ],
)
def test_a_threshold_keeps_those_that_pass_in_their_order(
    pool, by, threshold, least, stream, context
):
    chosen = selected(pool, context, by=by, threshold=threshold, of=300)
    for label in range(3):
        first = itertools.islice(one_by_one(pool, label, 0, by), 300)
        size = sum(own == label and grade >= least for _, own, grade in first)
        assert chosen.size(label) == size > 1
        start = stream * STREAM
        images = chosen.images(label, start, start + size)
        assert np.array_equal(images, passing(pool, label, stream, size, by, least))


def best(pool, label, count, by, m, n, stream=0):
    """Return the first `count` images of a class by best m of n, by a plain loop."""
    stream_of = one_by_one(pool, label, stream, by)
    found = []
    while len(found) < count:
        run = list(itertools.islice(stream_of, n))
        order = sorted(range(len(run)), key=lambda number: (-run[number][2], number))
        found += [run[number][0] for number in sorted(order[:m]) if run[number][1] == label]
    return np.array(found[:count])


@pytest.mark.parametrize(("m", "n"), [(1, 4), (5, 30), (40, 300), (3, 3)])
@pytest.mark.parametrize("by", ["confidence", "discriminator"])
def test_best_keeps_so_many_of_every_run(by, m, n, context):
    pool = Noise()
    chosen = selected(pool, context, by=by, best=m, of=n)
    assert chosen.size(1) is None
    assert np.array_equal(chosen.images(1, 0, 90), best(pool, 1, 90, by, m, n))
    far = chosen.images(1, 5 * STREAM + 10, 5 * STREAM + 90)
    assert np.array_equal(far, best(pool, 1, 90, by, m, n, stream=5)[10:])


@pytest.mark.parametrize("by", ["confidence", "distance"])
def test_images_without_classes_compete_over_all_classes(by, context):
    chosen = selected(Mixed(), context, by=by, best=20, of=100)
    for label in range(3):
        assert chosen.size(label) is None and chosen.has_streams(label)
        images = chosen.images(label, 0, 40)
        assert np.array_equal(images, best(Mixed(), label, 40, by, 20, 100))
        assert (context.expert.predict_proba(images).argmax(axis=1) == label).all()


@pytest.mark.parametrize(("m", "n", "size"), [(1, 4, 25), (3, 7, 42), (2, 300, 0), (50, 400, 12)])
def test_of_the_end_of_a_finite_source_the_same_share_is_kept(m, n, size, context):
    chosen = selected(Noise(end=100), context, by="discriminator", best=m, of=n)
    assert chosen.size(0) == size == len(chosen.images(0, 0, size))
    assert not chosen.has_streams(0)
    with pytest.raises(SourceError, match=f"only {size} images.*of 100 made select keeps the best"):
        chosen.images(0, size, size + 1)


def test_a_threshold_looks_at_a_finite_source_no_further_than_of(context):
    everything = selected(Noise(end=100), context, by="discriminator", threshold=-4, of=500)
    part = selected(Noise(end=100), context, by="discriminator", threshold=-4, of=60)
    assert (everything.size(0), part.size(0)) == (100, 60)
    assert np.array_equal(part.images(0, 0, 60), Noise().images(0, 0, 60))
    with pytest.raises(
        SourceError, match=r"60 passed .*threshold -4\); lower select.threshold, ra"
    ):
        part.images(0, 0, 61)
    with pytest.raises(SourceError, match=r"lower select.threshold, add images or ask for fewer"):
        everything.images(0, 0, 101)


def test_distance_is_in_units_of_the_real_images_own(context):
    class Moved(Noise):
        """The real images themselves, and the same one step brighter."""

        def images(self, label, start, stop):
            real = TRAIN.pixels[TRAIN.labels == label]
            numbers = np.arange(start, stop)
            return (real[numbers // 2 % len(real)] + (numbers % 2)[:, None, None, None]).astype(
                np.uint8
            )

    _, grades = Nearness(Moved(), context.expert).grades(1, 0, 12)
    assert (grades[::2] == 0).all() and (grades[1::2] < 0).all()
    real = context.expert.embedding(context.expert.training_images(1)).astype(float)
    pairs = np.linalg.norm(real[:, None] - real[None], axis=2) + 1e9 * np.eye(6)
    assert grades[1::2].max() == pytest.approx(-2 / np.median(pairs.min(axis=1)))


def test_what_was_made_and_kept_is_told_and_written_the_same_after_a_resume(context):
    options = {"by": "confidence", "threshold": 0.4, "of": 500}
    told = []
    for _ in range(2):
        selected(Mixed(), replace(context, notify=told.append), **options)
    events = [event for event in told if isinstance(event, Selected)]
    assert events[0] == events[1] and len(events) == 2
    loop = list(itertools.islice(one_by_one(Mixed(), 0, 0, "confidence"), 500))
    made, kept = (Counter(own for _, own, grade in loop if grade >= at) for at in (0, 0.4))
    expected = [{name: count[c] for c, name in enumerate(TRAIN.classes)} for count in (made, kept)]
    assert events[0] == Selected("made", 2, *expected)
    assert sum(events[0].made.values()) == 500
    record = json.loads((context.folder / "selection.json").read_text())
    assert (record["made"], record["kept"], record["threshold"]) == (*expected, 0.4)
    grades = [grade for _, own, grade in loop if own == 1]
    assert record["grades"]["class-1"] == pytest.approx(np.percentile(grades, [0, 25, 50, 75, 100]))
    assert [(e.done, e.total) for e in told if isinstance(e, Advanced)] == [(256, 500), (500, 500)]


def test_nothing_is_graded_twice(context):
    chosen = selected(Noise(), context, by="confidence", best=10, of=40)
    images = chosen.images(0, STREAM, STREAM + 100)
    asked = context.expert.asked
    assert asked == 3 * CHUNK + 3 * CHUNK  # each class's first runs, and 400 of the stream
    again = selected(Noise(), context, by="confidence", best=10, of=40)
    assert np.array_equal(again.images(0, STREAM, STREAM + 100), images)
    assert context.expert.asked == asked


@pytest.mark.parametrize("damage", ["cut short", "of another length", "not an array"])
def test_damaged_grades_are_made_again(damage, context):
    options = {"by": "confidence", "threshold": 0.4, "of": 200}
    images = selected(Noise(), context, **options).images(1, 0, 30)
    path = context.folder / "grades-confidence" / f"class1_0-{CHUNK}.npy"
    whole = path.read_bytes()
    if damage == "of another length":
        np.save(path, np.zeros((2, 5)))
    else:
        path.write_bytes(whole[:-1] if damage == "cut short" else b"")
    asked = context.expert.asked
    assert np.array_equal(selected(Noise(), context, **options).images(1, 0, 30), images)
    assert context.expert.asked == asked + CHUNK
    assert path.read_bytes() == whole


def test_asking_for_more_says_how_many_were_made_and_kept(context):
    chosen = selected(Mixed(), context, by="confidence", threshold=0.6, of=2000)
    kept, made = chosen.size(1), len(chosen.first(1).grades)
    message = (
        f"source 'made' has only {kept} images of class 'class-1' but {kept + 9} are needed: of "
        f"2000 made {made} were of this class, of which {kept} passed select \\(by confidence, "
        "threshold 0.6\\); lower select.threshold, raise select.of or ask for fewer"
    )
    for stream in (0, 3):
        with pytest.raises(SourceError, match=message):
            chosen.images(1, stream * STREAM + 5, stream * STREAM + kept + 9)
    labelled = selected(Noise(), context, by="distance", threshold=0.5, of=400)
    with pytest.raises(SourceError, match=r"of 400 made \d+ passed .*; raise select.threshold"):
        labelled.images(0, 0, 400)


def test_a_class_that_never_comes_ends_the_search_for_it(context):
    class Blind(Eyes):
        def predict_proba(self, pixels):
            return super().predict_proba(pixels) * [1, 1, 0]

    blind = Blind()
    chosen = selected(Mixed(), replace(context, expert=blind), by="confidence", best=2, of=300)
    for _ in range(2):
        with pytest.raises(SourceError, match="has only 0 images of class 'class-2' but 1 are"):
            chosen.images(2, 0, 1)
    assert blind.asked <= (PATIENCE + 2) * 600


def test_every_replicate_gets_as_many_images_but_fresh_ones(context, tmp_path):
    chosen = selected(Noise(), context, by="discriminator", threshold=3, of=600)
    store = PoolStore(chosen, tmp_path / "pool")
    nothing = Portion.whole(TRAIN)
    fold = FoldImages(0, nothing, nothing, 3, Seed.of(0), {"made": store})
    size = chosen.size(0)
    assert size % 64  # so that the last extent ends with the stream
    recipe = Recipe((0, 0, 0)).plus("made", (size, 0, 0))
    sets = [fold.training_set(recipe, stream, Seed.of(1)) for stream in (0, 1, 65_536)]
    images = [np.concatenate([p.block.pixels[p.rows] for p in one.portions]) for one in sets]
    assert [len(one) for one in images] == [size] * 3
    assert len(np.unique(np.concatenate(images), axis=0)) == 3 * size
    with pytest.raises(SourceError, match=f"only {size} images .* but {size + 1} are needed"):
        fold.training_set(recipe.plus("made", (1, 0, 0)), 1, Seed.of(1))


@pytest.mark.parametrize(
    ("pool", "options"),
    [
        (Noise(), {"by": "confidence", "threshold": 0.45, "of": 700}),
        (Noise(), {"by": "distance", "best": 3, "of": 10}),
        (Noise(), {"by": "discriminator", "threshold": 1}),
        (Noise(end=300), {"by": "confidence", "threshold": 0.45, "of": 200}),
        (Noise(end=300), {"by": "discriminator", "best": 30, "of": 100}),
        (Mixed(), {"by": "confidence", "threshold": 0.45, "of": 700}),
        (Mixed(), {"by": "distance", "best": 3, "of": 10}),
    ],
)
def test_a_selected_source_conforms(pool, options, context):
    check_source(Selection(Fixed(pool), SelectOptions(**options)), TRAIN, context)


def test_built_in_sources_can_be_selected_from(context, tmp_path):
    for name in TRAIN.classes:
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            pixels = noise(number, 0, 1)[0, :, :, 0]
            Image.fromarray(np.kron(pixels, np.ones((4, 4), dtype=np.uint8))).save(
                tmp_path / "images" / name / f"{number}.png"
            )
    select = SelectOptions(by="confidence", best=1, of=5)
    folder = FolderOptions(kind="folder", path=tmp_path / "images", select=select)
    train = toy_images((4, 4, 4), size=8)
    check_source(create_source(folder), train, context)
    assert create_source(folder).fit(train, context).size(2) == 4
    classic = ClassicOptions(kind="classic", brightness=0.5, select=select)
    check_source(create_source(classic), train, replace(context, folder=tmp_path / "classic"))


class NoFeatures(Eyes):
    def embedding(self, pixels):
        raise SourceError("the classifier has no features")


class Diverged(Eyes):
    def predict_proba(self, pixels):
        return np.full((len(pixels), 3), np.nan)


class FewReal(Eyes):
    def __init__(self, *pixels):
        super().__init__()
        self.real = np.array(pixels, dtype=np.uint8)

    def training_images(self, label):
        return self.real


@pytest.mark.parametrize(
    ("by", "expert", "message"),
    [
        ("discriminator", Eyes(), "needs a trained generator but source 'made' has none"),
        ("confidence", None, "needs a classifier that knows the real training images"),
        ("confidence", Diverged(), "must be finite numbers but those of 256 of 256 are not"),
        ("distance", NoFeatures(), "the classifier has no features"),
        (
            "distance",
            FewReal([[[1], [2]], [[3], [4]]]),
            "at least 2 real training images.*are 1 of",
        ),
        ("distance", FewReal(*[[[[1], [2]], [[3], [4]]]] * 3), "have a median distance of 0"),
    ],
)
def test_without_something_to_grade_with_the_fit_says_so(by, expert, message, context):
    class Unscored(Mixed):
        pass

    with pytest.raises(SourceError, match=message):
        selected(Unscored(), replace(context, expert=expert), by=by, best=1)


def test_a_class_without_training_images_is_left_alone(context):
    class Fewer(Noise):
        def images(self, label, start, stop):
            if label == 1:
                raise SourceError("nothing to learn from")
            return super().images(label, start, stop)

    train = TRAIN.take(np.flatnonzero(TRAIN.labels != 1))
    told = []
    options = SelectOptions(by="confidence", best=1, of=2)
    context = replace(context, notify=told.append)
    Selection(Fixed(Fewer()), options).fit(train, context)
    assert told[-1] == Selected("made", 2, *({"class-0": n, "class-2": n} for n in (2, 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.5, "best": 2}, "must have either threshold or best"),
        ({}, "must have either threshold or best"),
        ({"best": 11, "of": 10}, "best must be at most of, 10, but got 11"),
        ({"threshold": 90}, "threshold must be a probability, 0 to 1, but got 90"),
        ({"by": "distance", "threshold": -1}, "must be a distance, 0 or more, but got -1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        SelectOptions(**({"by": "confidence"} | options))
