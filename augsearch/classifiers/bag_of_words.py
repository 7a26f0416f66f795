"""Bag of visual words with a support vector machine: classification without a network.

The method that Frid-Adar et al. 2018 compare their networks with, after Diamant et al. 2017: a
histogram of visual words per image, of which the 35 % with the largest mutual information with the
class are kept, and a support vector machine. See `visual_words` for the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.feature_selection import mutual_info_classif
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.classifiers.visual_words import Dictionary, images_of, learn_dictionary
from augsearch.events import Advanced, Notify, silent
from augsearch.records import ImageBlock, TrainingSet
from augsearch.study.schema.classifier import BagOfWordsOptions


@final
class BagOfWords(Classifier):
    """Learns a dictionary, keeps its telling words and separates the classes by their frequencies.

    The frequencies are standardised. The kernel is Gaussian, exp(-gamma |x - y|^2) with
    gamma = 1 / (words kept x variance), which the paper leaves open as it does the penalty; more
    than two classes are separated in pairs. Memory does not grow with the number of images but for
    their histograms.

    Args:
        options: Patches, words, share of words kept, penalty.
    """

    def __init__(self, options: BagOfWordsOptions) -> None:
        self._options = options

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one classifier per training set, each independent of the others to the last bit.

        Raises:
            DataError: A training set lacks a class, or its images are smaller than a patch.
        """
        fitted: list[FittedClassifier] = []
        for done, cell in enumerate(training_sets, start=1):
            fitted.append(_fit(cell, self._options))
            notify(Advanced(done, len(training_sets), "dictionaries"))
        return fitted


@final
@dataclass(frozen=True, eq=False)
class FittedBagOfWords(FittedClassifier):
    """A dictionary with the machine that was fitted on its histograms.

    Attributes:
        dictionary: All words.
        kept: int64, the words that the machine sees, increasing.
        scaler: Standardises their frequencies.
        machine: The support vector machine.
    """

    dictionary: Dictionary
    kept: NDArray[np.int64]
    scaler: StandardScaler
    machine: SVC

    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return class probabilities, float64, (N, n_classes), rows add up to 1.

        They are the softmax of the machine's decision values (two classes: of 0 and the value), so
        the most probable class is the one the machine decides on, and 0.5 is its boundary. They
        put images in order but are not calibrated: 0.9 does not mean nine in ten.
        """
        if len(block) == 0:
            return np.empty((0, len(self.machine.classes_)))
        with threadpool_limits(1):
            x = self.scaler.transform(self._frequencies(block))
            values = self.machine.decision_function(x)
        if values.ndim == 1:
            values = np.stack([np.zeros_like(values), values], axis=1)
        result: NDArray[np.float64] = softmax(values, axis=1)
        return result

    def embedding(self, block: ImageBlock) -> NDArray[np.float32]:
        """Return the frequencies of the words kept, float32, (N, words), from 0 to 1."""
        with threadpool_limits(1):
            return self._frequencies(block).astype(np.float32)

    def _frequencies(self, block: ImageBlock) -> NDArray[np.float64]:
        return self.dictionary.histograms(block.pixels)[:, self.kept]


def informative_words(
    histograms: NDArray[np.float64], labels: NDArray[np.int64], keep: float
) -> NDArray[np.int64]:
    """Return the words that tell most about the class.

    The mutual information is that of the class and whether a word is more frequent in an image
    than in half of the images (its median): two values, since finer ones make every word look
    informative on a few hundred images.

    Args:
        histograms: float64, (N, words).
        labels: int64, (N,).
        keep: Share of the words, 0 to 1; one word at least is kept, and of equal ones the first.

    Returns:
        int64, increasing.
    """
    is_frequent = (histograms > np.median(histograms, axis=0)).astype(np.int64)
    information = mutual_info_classif(is_frequent, labels, discrete_features=True)
    number = max(1, round(keep * histograms.shape[1]))
    return np.sort(np.argsort(-information, kind="stable")[:number])


def _fit(cell: TrainingSet, options: BagOfWordsOptions) -> FittedBagOfWords:
    cell.check()
    labels = cell.labels
    # One thread: the order in which sums are added up decides their last bits.
    with threadpool_limits(1):
        dictionary = learn_dictionary(cell, options)
        histograms = dictionary.histograms(images_of(cell))
        kept = informative_words(histograms, labels, options.keep)
        scaler = StandardScaler()
        x = scaler.fit_transform(histograms[:, kept])
        machine = SVC(C=options.penalty, decision_function_shape="ovr", break_ties=True)
        machine.fit(x, labels)
    return FittedBagOfWords(dictionary, kept, scaler, machine)
