"""The named data sets: sizes, stratification, scaling, determinism, inner cross-validation."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import StratifiedKFold, train_test_split

from ebana.datasets import inner_split, load, names

NUMBERS = ("xor", "gates", "iris", "wine")
BUILT_IN = (*NUMBERS, "digits")
TABLES = {"iris": (load_iris, 45), "wine": (load_wine, 0.3)}


@pytest.mark.parametrize(("name", "sizes", "features"), [("iris", (105, 45), 4), ("wine", (124, 54), 13)])
def test_tables_have_the_published_sizes(name, sizes, features):
    split = load(name)
    assert split.x_train.shape == (sizes[0], features)
    assert split.x_test.shape == (sizes[1], features)
    assert split.y_train.shape == (sizes[0], 3)
    assert split.y_test.shape == (sizes[1], 3)
    assert len(split.classes) == 3
    assert len(split.features) == features
    assert len(split.outputs) == 1


@pytest.mark.parametrize("name", NUMBERS)
def test_arrays_are_float64(name):
    split = load(name)
    parts = [split.x_train, split.x_test]
    for y in (split.y_train, split.y_test):
        parts += list(y.values()) if isinstance(y, dict) else [y]
    assert {part.dtype for part in parts} == {np.dtype(np.float64)}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", range(3))
def test_tables_are_split_as_scikit_learn_splits_them(name, seed):
    loader, test_size = TABLES[name]
    x, labels = loader(return_X_y=True)
    raw, _, l_train, l_test = train_test_split(
        x, labels, test_size=test_size, stratify=labels, random_state=seed
    )
    split = load(name, seed=seed)
    np.testing.assert_array_equal(split.y_train.argmax(1), l_train)
    np.testing.assert_array_equal(split.y_test.argmax(1), l_test)
    np.testing.assert_allclose(split.x_train, 4 * (raw - raw.mean(0)) / raw.std(0), atol=1e-12)


@pytest.mark.parametrize("name", TABLES)
def test_targets_are_one_hot_and_stratified(name):
    split = load(name, seed=7)
    for y in (split.y_train, split.y_test):
        assert set(np.unique(y)) == {0.0, 1.0}
        np.testing.assert_array_equal(y.sum(axis=1), 1)
    shares = [y.mean(axis=0) for y in (split.y_train, split.y_test)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.02)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("scale", [None, 0.5])
def test_scaling_is_fitted_on_the_training_part_only(name, scale):
    split = load(name, seed=3, scale=scale)
    np.testing.assert_allclose(split.x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.x_train.std(axis=0), scale or 4.0, rtol=1e-12)
    assert np.abs(split.x_test.mean(axis=0)).max() > 1e-3


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_same_seed_gives_the_same_bits(name):
    a, b = load(name, seed=5), load(name, seed=5)
    np.testing.assert_array_equal(a.x_train, b.x_train)
    np.testing.assert_array_equal(a.x_test, b.x_test)


@pytest.mark.parametrize("name", TABLES)
def test_another_seed_gives_another_split(name):
    assert not np.array_equal(load(name, seed=0).x_train, load(name, seed=1).x_train)


def test_xor_is_its_truth_table_at_two_volts():
    split = load("xor")
    np.testing.assert_array_equal(split.x_train, [[-2, -2], [-2, 2], [2, -2], [2, 2]])
    np.testing.assert_array_equal(split.y_train, [[0], [1], [1], [0]])
    np.testing.assert_array_equal(split.x_test, split.x_train)


def test_gates_give_three_outputs_by_name():
    split = load("gates", scale=1.0)
    expected = {"or": [0, 1, 1, 1], "and": [0, 0, 0, 1], "xor": [0, 1, 1, 0]}
    assert split.outputs == tuple(split.y_train) == tuple(expected)
    for name, bits in expected.items():
        np.testing.assert_array_equal(split.y_train[name][:, 0], bits)
    assert np.abs(split.x_train).max() == 1.0


def test_an_unknown_name_lists_the_known_ones():
    known = "'xor', 'gates', 'iris', 'wine', 'digits', 'mnist', 'fashion-mnist', 'k-mnist', "
    known += "'cifar10', 'cifar100', 'imagenet32'"
    with pytest.raises(ValueError, match=f"{known}.*name='svhn'"):
        load("svhn")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_positive_is_refused(name, scale):
    with pytest.raises(ValueError, match="scale must be a positive number of volts"):
        load(name, scale=scale)


@pytest.mark.parametrize("name", NUMBERS)
def test_tables_are_no_images(name):
    assert load(name).image_shape is None


def test_a_split_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        load("xor").name = "or"  # type: ignore[misc]


@pytest.mark.parametrize("name", TABLES)
def test_inner_folds_partition_the_training_part(name):
    split = load(name, seed=2)
    inner = [inner_split(split, fold, folds=4, seed=1) for fold in range(4)]
    assert sum(len(s.x_test) for s in inner) == len(split.x_train)
    for s in inner:
        assert len(s.x_train) + len(s.x_test) == len(split.x_train)
        np.testing.assert_allclose(s.x_train.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(s.x_train.std(axis=0), split.scale, rtol=1e-12)
        np.testing.assert_allclose(s.y_train.mean(axis=0), split.y_train.mean(axis=0), atol=0.03)


def test_the_inner_split_never_reads_the_test_part():
    split = load("iris")
    poisoned = replace(
        split, x_test=np.full_like(split.x_test, np.nan), y_test=np.full_like(split.y_test, np.nan)
    )
    a, b = inner_split(split, 1), inner_split(poisoned, 1)
    np.testing.assert_array_equal(a.x_train, b.x_train)
    np.testing.assert_array_equal(a.x_test, b.x_test)
    np.testing.assert_array_equal(a.y_test, b.y_test)


def test_inner_scaling_equals_a_fit_on_the_raw_measurements():
    x, labels = load_iris(return_X_y=True)
    raw, _, labels, _ = train_test_split(x, labels, test_size=45, stratify=labels, random_state=0)
    rows, held_out = next(iter(StratifiedKFold(5, shuffle=True, random_state=0).split(raw, labels)))
    mean, std = raw[rows].mean(axis=0), raw[rows].std(axis=0)
    inner = inner_split(load("iris", seed=0), fold=0)
    np.testing.assert_allclose(inner.x_train, 4 * (raw[rows] - mean) / std, atol=1e-12)
    np.testing.assert_allclose(inner.x_test, 4 * (raw[held_out] - mean) / std, atol=1e-12)


@pytest.mark.parametrize(("fold", "folds"), [(5, 5), (-1, 5), (0, 1), (0, 36)])
def test_folds_out_of_range_are_refused(fold, folds):
    with pytest.raises(ValueError, match=r"folds? must lie between"):
        inner_split(load("iris"), fold, folds)


@pytest.mark.parametrize("name", ["xor", "gates"])
def test_truth_tables_are_not_cross_validated(name):
    with pytest.raises(ValueError, match=r"one-hot targets.*xor"):
        inner_split(load(name), 0)
