"""Validation inside the training part, for choosing settings without looking at the test part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ebana.datasets.scaling import standardize
from ebana.datasets.split import Split, Targets


def inner_split(split: Split, fold: int, folds: int = 5, seed: int = 0) -> Split:
    """The training part of ``split``, split once more: what is held out becomes ``x_test``, ``y_test``.

    Folds are stratified by class. A scaling that was fitted on the training part (``split.standardized``)
    is fitted again on the inner one; pixels stay as they are. The test part of ``split`` is not read.

    Args:
        split: a split of one output with one-hot targets, such as ``load("iris")``.
        fold: which part is held out, 0 to ``folds - 1``.
        folds: number of parts, at least 2.
        seed: seed of the assignment of samples to folds.

    Raises:
        ValueError: if ``fold`` is out of range, if a class has fewer samples than there are folds, or if
            the targets are not one-hot rows of one output.

    Example:
        >>> from ebana.datasets import load
        >>> inner = inner_split(load("iris"), fold=0)
        >>> inner.x_train.shape, inner.x_test.shape
        ((84, 4), (21, 4))
    """
    labels = _labels(split)
    _check(labels, split, fold, folds)
    inner, held_out = _indices(labels, fold, folds, seed)
    targets = np.asarray(split.y_train)
    x_train, x_test = split.x_train[inner], split.x_train[held_out]
    if split.standardized:
        x_train, x_test = standardize(x_train, x_test, split.scale)
    return replace(split, x_train=x_train, y_train=targets[inner], x_test=x_test, y_test=targets[held_out])


def hold_out(split: Split, count: int, seed: int = 0) -> Split:
    """The training part of ``split`` without ``count`` samples, which become ``x_test``, ``y_test``.

    Samples are drawn at random, not by class, and keep their order. The test part of ``split`` is not read.

    Args:
        split: a split whose scaling was not fitted on its training part, such as one of images.
        count: number of samples to hold out, from 1 to one less than there are.
        seed: seed of the choice.

    Returns:
        Copies of the rows, of the types that they have.

    Raises:
        ValueError: if ``count`` is out of range, or if the scaling would have to be fitted again: what is
            held out of such a table has already shaped its training part.

    Example:
        >>> from ebana.datasets import load
        >>> inner = hold_out(load("digits"), 257)
        >>> inner.x_train.shape, inner.x_test.shape
        ((1000, 64), (257, 64))
    """
    if split.standardized:
        raise ValueError(
            f"the scaling of data set {split.name!r} was fitted on its whole training part. Hold out with "
            "inner_split, which fits it again."
        )
    samples = len(split.x_train)
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count < samples:
        raise ValueError(
            f"count must be a whole number from 1 to {samples - 1}, for the {samples} training samples of "
            f"{split.name!r}. Received: count={count!r}"
        )
    order = np.random.default_rng(seed).permutation(samples)
    held_out, inner = np.sort(order[:count]), np.sort(order[count:])
    return replace(
        split,
        x_train=split.x_train[inner],
        y_train=_rows(split.y_train, inner),
        x_test=split.x_train[held_out],
        y_test=_rows(split.y_train, held_out),
    )


def _rows(targets: Targets, rows: np.ndarray) -> Targets:
    if isinstance(targets, np.ndarray):
        return targets[rows]
    return {name: array[rows] for name, array in targets.items()}


def _labels(split: Split) -> np.ndarray:
    y = split.y_train
    if not isinstance(y, np.ndarray) or y.ndim != 2 or y.shape[1] != len(split.classes):
        raise ValueError(
            f"cross-validation needs one output with one-hot targets. Received: data set {split.name!r} "
            f"with the outputs {', '.join(split.outputs)}."
        )
    return y.argmax(axis=1)


def _check(labels: np.ndarray, split: Split, fold: int, folds: int) -> None:
    smallest = int(np.bincount(labels, minlength=len(split.classes)).min())
    if not 2 <= folds <= smallest:
        raise ValueError(
            f"folds must lie between 2 and {smallest}, the size of the smallest class in the training part "
            f"of {split.name!r}. Received: folds={folds!r}"
        )
    if not 0 <= fold < folds:
        raise ValueError(f"fold must lie between 0 and {folds - 1}. Received: fold={fold!r}")


def _indices(labels: np.ndarray, fold: int, folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))[fold]
