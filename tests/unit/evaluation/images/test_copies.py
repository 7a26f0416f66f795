import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.neighbors import NearestNeighbors

from augsearch.evaluation.images.copies import (
    CopyThreshold,
    copy_threshold,
    count_copies,
    equal_images,
    nearest_training,
    thumbnails,
)


@pytest.mark.parametrize("n_train", [20, 130])
def test_nearest_and_relative_distance_are_those_of_sklearn(n_train):
    random = np.random.default_rng(0)
    images, train = random.normal(size=(30, 5)), random.normal(size=(n_train, 5))
    found = nearest_training(images, train)
    near = NearestNeighbors(n_neighbors=min(50, n_train)).fit(train)
    distances, rows = near.kneighbors(images)
    assert np.array_equal(found.rows, rows[:, 0])
    assert found.distances == pytest.approx(distances[:, 0])
    assert found.relative == pytest.approx(distances[:, 0] / distances.mean(axis=1))


def test_training_images_are_not_compared_with_their_own_group():
    points = np.array([[0.0], [0.1], [5.0], [9.0]])
    groups = np.array([0, 0, 1, 2])
    found = nearest_training(points, points, (groups, groups))
    assert found.rows.tolist() == [2, 2, 3, 2]
    assert found.distances.tolist() == pytest.approx([5, 4.9, 4, 4])
    assert found.relative[0] == pytest.approx(5 / 7)
    lonely = nearest_training(points, points, (groups * 0, groups * 0))
    assert lonely.relative.tolist() == [1.0] * 4


def test_equal_points_have_no_distance():
    found = nearest_training(np.zeros((2, 3)), np.zeros((4, 3)))
    assert found.relative.tolist() == [0, 0]
    with pytest.raises(ValueError, match="M at least 1"):
        nearest_training(np.zeros((2, 3)), np.zeros((0, 3)))


def test_an_average_image_is_near_to_all_and_a_copy_of_none():
    random = np.random.default_rng(1)
    train, held_out = random.normal(size=(60, 40)), random.normal(size=(40, 40))
    reference = nearest_training(held_out, train)
    threshold = copy_threshold(reference.relative, np.arange(40))
    average = nearest_training(train.mean(axis=0, keepdims=True), train)
    assert average.distances[0] < reference.distances.min()
    assert count_copies(average.relative, reference.relative, threshold).count == 0


def test_the_threshold_is_the_one_per_cent_quantile_of_the_groups():
    values = np.random.default_rng(2).permutation(np.arange(1, 1000) / 1000)
    of_many = copy_threshold(values, np.arange(999))
    assert (of_many.value, of_many.order, of_many.expected) == (0.01, 10, 0.01)
    of_few = copy_threshold(values[:40], np.arange(40) // 2)
    assert (of_few.value, of_few.order) == (values[:40].min(), 1)
    assert of_few.expected == pytest.approx(1 / 21)
    with pytest.raises(ValueError, match="N at least 1"):
        copy_threshold([], [])


def test_the_p_value_is_that_of_fresh_images_against_the_same_references():
    random = np.random.default_rng(3)
    counts = []
    for _ in range(4000):
        threshold = copy_threshold(random.random(39), np.arange(39))
        counts.append(int((random.random(50) < threshold.value).sum()))
    for count in (1, 3, 6):
        found = count_copies([0.1] * count + [0.9] * (50 - count), [0.7], CopyThreshold(0.5, 1, 39))
        assert found.count == count
        assert found.p_value == pytest.approx(np.mean(np.array(counts) >= count), abs=0.025)
    ends = binomtest(6, 50).proportion_ci(method="wilson")
    assert (found.low, found.high, found.share) == (ends.low, ends.high, 0.12)


def test_no_copies_surprise_nobody():
    found = count_copies([0.5] * 10, [0.6, 0.8, 0.7], CopyThreshold(0.0, 1, 9))
    assert (found.count, found.p_value, found.low) == (0, 1.0, 0.0)
    assert (found.median, found.median_real, found.expected) == (0.5, 0.7, 0.1)
    with pytest.raises(ValueError, match="N at least 1"):
        count_copies([], [0.5], CopyThreshold(0.5, 1, 9))


@pytest.mark.parametrize("shape", [(3, 64, 64, 1), (3, 50, 41, 3), (2, 8, 12, 1), (0, 40, 40, 1)])
def test_thumbnails_are_means_of_whole_cells(shape):
    pixels = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    found = thumbnails(pixels)
    height, width = min(32, shape[1]), min(32, shape[2])
    assert found.shape == (shape[0], height * width * shape[3])
    grid = found.reshape(shape[0], height, width, shape[3])
    for row in (0, height // 3, height - 1):
        rows = slice(shape[1] * row // height, shape[1] * (row + 1) // height)
        for column in (0, width - 1):
            columns = slice(shape[2] * column // width, shape[2] * (column + 1) // width)
            cell = pixels[:, rows, columns].mean(axis=(1, 2))
            assert grid[:, row, column] == pytest.approx(cell, rel=1e-5)


def test_equal_images_are_counted():
    pixels = np.random.default_rng(5).integers(0, 256, (6, 4, 4, 1)).astype(np.uint8)
    almost = pixels[:2].copy()
    almost[:, 0, 0, 0] ^= 1
    assert equal_images(np.concatenate([almost, pixels[3:]]), pixels) == 3
