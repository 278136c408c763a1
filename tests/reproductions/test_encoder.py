"""Principal components: fitted on the training part, with a known size."""

from dataclasses import replace

import numpy as np
import pytest

from ebana import datasets
from ebana.reproductions import encoder


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


def test_training_features_are_centred_and_of_size_one(digits):
    for whitening in (0.0, 0.5, 1.0):
        features = encoder.fit(digits.x_train, 20, whitening)(digits.x_train)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features.mean(0), 0, atol=1e-5)
        assert np.mean(features**2) == pytest.approx(1, rel=1e-4)


def test_whitening_makes_all_features_of_one_size(digits):
    plain, white = (encoder.fit(digits.x_train, 20, w)(digits.x_train).std(0) for w in (0.0, 1.0))
    assert plain.max() > 3 * plain.min()
    np.testing.assert_allclose(white, 1, rtol=1e-3)


def test_features_are_those_of_scikit_learn(digits):
    from sklearn.decomposition import PCA

    theirs = PCA(20, svd_solver="full").fit(digits.x_train).transform(digits.x_test)
    ours = encoder.fit(digits.x_train, 20, 0.0)(digits.x_test)
    scale = np.abs(theirs).max() / np.abs(ours).max()
    np.testing.assert_allclose(np.abs(theirs), np.abs(ours) * scale, atol=2e-3)


def test_test_part_has_no_influence(digits):
    other = replace(digits, x_test=digits.x_test[::-1] * 2)
    np.testing.assert_array_equal(encoder.encode(digits, 8).x_train, encoder.encode(other, 8).x_train)


def test_features_are_no_images(digits):
    assert digits.image_shape == (8, 8, 1)
    assert encoder.encode(digits, 8).image_shape is None


def test_more_features_than_pixels_are_refused(digits):
    with pytest.raises(ValueError, match=r"features=65 of 64 pixels. Expected 1 to 64"):
        encoder.fit(digits.x_train, 65)
