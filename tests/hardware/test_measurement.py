"""Converters: codes against exact arithmetic, noise by its statistics, and what they do to a gradient."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana import recipes
from ebana.compilation import arithmetic
from ebana.hardware import Hardware, Measurement
from ebana.hardware.measurement import coded


@given(st.integers(1, 12), st.floats(-2.0, 2.0))
def test_a_code_is_the_nearest_of_its_range(bits, volts):
    each_side = 2 ** (bits - 1) - 1
    codes = [Fraction(k, each_side) for k in range(-each_side, each_side + 1)] if bits > 1 else [-1, 1]
    with arithmetic():
        found = Fraction(float(coded(jnp.asarray(volts), bits, 1.0)))
    near = min(codes, key=lambda code: abs(code - found))
    assert abs(near - found) < Fraction(1, 2**50)
    least = min(abs(code - Fraction(volts)) for code in codes)
    assert abs(near - Fraction(volts)) <= least + Fraction(1, 2**48)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_black_pixel_is_set_to_zero(bits):
    pixels = jnp.asarray([[0.0, 0.3, 1.0]])
    assert float(Measurement(input_bits=bits).set_inputs(pixels)[0, 0]) == 0.0


def test_a_dithered_converter_is_exact_on_average():
    volts = np.full((1, 200_000), 0.1234)
    with arithmetic():
        plain, dithered = (
            np.asarray(
                Measurement(bits=3, range=1.0, dither=dither).read(jax.random.key(0), jnp.asarray(volts))
            )
            for dither in (False, True)
        )
    step = 1 / 3
    assert np.unique(plain).size == 1
    assert abs(plain.mean() - 0.1234) > 0.01
    error = dithered - 0.1234
    assert abs(error.mean()) < 4 * step / np.sqrt(12 * volts.size)
    assert error.std() == pytest.approx(step / np.sqrt(12), rel=0.01)
    assert np.abs(error).max() <= step / 2 + 1e-12


def test_noise_and_offsets_have_their_deviations():
    measurement = Measurement(noise=3e-3, offset=5e-3)
    with arithmetic():
        zeros = jnp.zeros((300, 200))
        noise = np.asarray(measurement.read(jax.random.key(1), zeros))
        offsets = np.asarray(measurement.offsets(jax.random.key(2), (40_000,)))
    assert noise.std() == pytest.approx(3e-3, rel=0.02)
    assert offsets.std() == pytest.approx(5e-3, rel=0.02)


@pytest.fixture(scope="module")
def iris():
    recipe = recipes.get("iris")
    split = recipe.data(seed=0)
    return recipe, recipe.build(seed=0), recipe.dataset(split.x_train[:40], split.y_train[:40])


def angle(a, b):
    flat = [np.concatenate([g.ravel() for g in one.values()]) for one in (a, b)]
    return float(flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))


def test_fine_converters_change_nothing(iris):
    recipe, model, data = iris
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta}
    chip = model.on(Hardware(measurement=Measurement(bits=30, input_bits=30)), chip=0)
    exact, read = model.gradients(data, **options), chip.gradients(data, **options)
    for name, gradient in exact.items():
        np.testing.assert_allclose(read[name], gradient, atol=2e-3 * np.abs(gradient).max())
    np.testing.assert_allclose(chip.predict(data), model.predict(data), atol=1e-7)


def test_few_bits_drown_a_small_contrast_and_a_differential_read_saves_it(iris):
    recipe, model, data = iris
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta}
    exact = model.gradients(data, **options)
    found = {
        name: angle(exact, model.on(Hardware(measurement=measurement), chip=0).gradients(data, **options))
        for name, measurement in {
            "coarse": Measurement(bits=2),
            "differential": Measurement(bits=2, differential=True),
            "fine": Measurement(bits=16),
        }.items()
    }
    assert found["coarse"] < 0.7 < 0.9 < min(found["differential"], found["fine"])


def test_comparators_tell_a_sign_for_each_sample(iris):
    recipe, model, data = iris
    one = data.select(slice(0, 1))
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta}
    exact = model.gradients(one, **options)
    told = model.on(Hardware(measurement=Measurement(sign_only=True)), chip=0).gradients(one, **options)
    for name, gradient in exact.items():
        sure = np.abs(gradient) > 1e-6 * np.abs(gradient).max()
        assert np.array_equal(np.sign(told[name][sure]), np.sign(gradient[sure]))
        assert len(np.unique(np.abs(told[name][sure]))) == 1


def test_reads_are_drawn_anew_for_each_phase_and_step_and_the_same_for_a_seed(iris):
    recipe, model, data = iris
    hardware = Hardware(measurement=Measurement(noise=1e-3), seed=4)
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta}
    first, again = (model.on(hardware, chip=0) for _ in range(2))
    a, b = first.gradients(data, **options), again.gradients(data, **options)
    assert all(np.array_equal(a[name], b[name]) for name in a)
    first._values["hardware/step"] = np.asarray(1.0)
    other = first.gradients(data, **options)
    assert not any(np.array_equal(a[name], other[name]) for name in a)


NOISY = Hardware(measurement=Measurement(noise=1e-3), seed=4)


def asked(chip, data, verb, options):
    """What a verb tells, flat."""
    if verb == "predict":
        return chip.predict(data).ravel()
    if verb == "evaluate":
        return chip.evaluate(data).outputs["species"].ravel()
    return np.concatenate([g.ravel() for g in chip.gradients(data, **options).values()])


@pytest.mark.parametrize("number", [0, None], ids=["one chip", "every chip"])
@pytest.mark.parametrize("verb", ["predict", "evaluate", "gradients"])
def test_a_chip_that_is_asked_twice_is_read_twice(iris, verb, number):
    recipe, model, data = iris
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta}
    first, again = (model.on(NOISY, number) for _ in range(2))
    reads = [asked(first, data, verb, options) for _ in range(3)]
    for k, read in enumerate(reads):
        np.testing.assert_array_equal(asked(again, data, verb, options), read)
        np.testing.assert_array_equal(asked(again.at_read(k + 1), data, verb, options), read)
        assert not any(np.any(read == other) for other in reads[:k])
    assert first.reads == again.reads == 3


def test_repeated_samples_average_the_noise_away(iris):
    """Noise of ``sigma`` at both nodes of a pair: the mean of n reads has ``sigma sqrt(2 / n)``, in blocks or out."""
    _, model, data = iris
    x, n = data.inputs["x"][:1], 6400
    chip = model.on(NOISY, chip=0)
    reads = chip.predict(np.repeat(x, n, axis=0))
    sigma = 1e-3 * np.sqrt(2.0)
    assert len(np.unique(reads[:, 0])) == n
    assert reads.std(axis=0) == pytest.approx(np.full(3, sigma), rel=0.05)
    assert np.abs(reads.mean(0) - model.predict(x)[0]).max() < 5 * sigma / np.sqrt(n)
    hundred = np.mean([chip.predict(x)[0] for _ in range(100)], axis=0)
    assert np.abs(hundred - model.predict(x)[0]).max() < 5 * sigma / 10


@pytest.mark.parametrize("number", [0, -1, 1.5, 2**32, "first"])
def test_reads_are_counted_from_one(iris, number):
    with pytest.raises(ValueError, match=r"at_read\(number=.*whole number"):
        iris[1].on(NOISY, chip=0).at_read(number)


def test_other_reads_compile_nothing(iris):
    _, model, data = iris
    chip, seen = model.on(NOISY, chip=0), []
    chip.predict(data)

    def listen(event, _, **__):
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(3):
            chip.predict(data)
        chip.at_read(40).predict(data)
        model.on(NOISY, chip=5).predict(data)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not seen


def test_reads_beside_training_change_nothing_of_it(iris):
    recipe, model, data = iris
    options = {"verbose": False, **recipe.fit_options(0, epochs=3)}
    quiet, asked_often = (model.on(NOISY, chip=1) for _ in range(2))
    for _ in range(3):
        asked_often.predict(data)
    options["optimizer"] = recipe.make_optimizer()
    quiet.fit(data, **options)
    options["optimizer"] = recipe.make_optimizer()
    asked_often.fit(data, validation_data=data, **options)
    for name, value in quiet.values.items():
        np.testing.assert_array_equal(asked_often.values[name], value)
    assert quiet.reads == 0
    np.testing.assert_array_equal(quiet.at_read(2).predict(data), asked_often.at_read(2).predict(data))


def test_a_repeated_study_is_the_same_study(iris):
    _, model, data = iris
    first, again = (model.vary(data, hardware=NOISY, chips=3) for _ in range(2))
    np.testing.assert_array_equal(first.error, again.error)
    assert len(set(first.error)) == 3


WRONG = {
    "no bits": (lambda: Measurement(bits=0), "bits from 1 to 32"),
    "half a bit": (lambda: Measurement(bits=3.5), "whole number of bits"),
    "no range": (lambda: Measurement(range=0.0), "volts above zero"),
    "negative noise": (lambda: Measurement(noise=-1.0), "volts from 0"),
    "a word": (lambda: Measurement(sign_only="yes"), "True or False"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
