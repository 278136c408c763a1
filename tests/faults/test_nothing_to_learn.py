"""Where nothing can be learned it is said, with names and numbers; where something is, nothing is said."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from benchmarks.faults import learning

from ebana import (
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    LearningWarning,
    Model,
    datasets,
    losses,
    optimizers,
    recipes,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), 0.1 * RNG.normal(size=(12, 2))


def linear(**options) -> Model:
    x = InputVoltageLayer(3, "x")
    return Model(x, CurrentLayer("y")(DenseLayer(4, "d", init_type="glorot")(x)), **options)


def pinned(down: object, up: object, engine: str = "native") -> Model:
    x = InputVoltageLayer(4, "x")
    h = up(down(DenseLayer(8, "d")(x)))
    return Model(x, CurrentLayer("o")(DenseLayer(6, "d2")(h)), engine=engine)


def test_nodes_that_diodes_hold_are_named_with_their_potential():
    iris = datasets.load("iris")
    model = pinned(DiodeLayer("n", "down"), DiodeLayer("u", "up"))
    with pytest.warns(LearningWarning) as caught:
        model.fit(iris.x_train, iris.y_train, epochs=2, verbose=False)
    text = str(caught[0].message)
    assert len(caught) == 1
    assert "d/conductance and d2/conductance are what they were" in text
    assert "nodes of 'd' are held at 0 V for all of 32 samples by 'n' and 'u'" in text


@pytest.mark.parametrize("param", [{"VTH": 0.0, "RON": 1.0}, {"VTH": 1e-5, "RON": 10.0}])
def test_nodes_that_hardly_move_are_named_where_the_loss_stands(param):
    def diode(name, direction):
        return DiodeLayer(name, direction, param=param)

    model = pinned(diode("n", "down"), diode("u", "up"))
    x, y = RNG.normal(size=(12, 4)), 0.1 * RNG.normal(size=(12, 3))
    with pytest.warns(
        LearningWarning,
        match=r"the loss went from .* in 12 epochs. The nodes of 'd' are held at .* V for all of 12 samples by 'n' and "
        "'u', so that hardly any gradient passes them",
    ) as caught:
        model.fit(x, y, epochs=12, batch_size=12, verbose=False)
    assert len(caught) == 1


def test_nodes_that_nothing_holds_are_not_named():
    model = linear()
    assert model.idle_reasons(X) == ""
    assert model.idle_reasons(X[:1]) == ""  # of one sample nothing can be said


@pytest.mark.parametrize("beta", [1e-30, 1e-18])
@pytest.mark.parametrize("call", ["fit", "gradients"])
def test_a_nudge_below_rounding_is_refused(beta, call):
    options = {"verbose": False} if call == "fit" else {}
    with pytest.raises(ValueError, match="less than the rounding of the potentials"):
        getattr(linear(), call)(X, Y, beta=beta, **options)


@pytest.mark.parametrize("call", ["fit", "gradients"])
def test_a_nudge_below_the_tolerance_is_told(call):
    options = {"verbose": False} if call == "fit" else {}
    with pytest.warns(
        LearningWarning, match=r"beta=1e-13 moves output 'y', .* finds operating points to 1e-09 V"
    ):
        getattr(linear(), call)(X, Y, beta=1e-13, **options)


def test_values_at_their_bounds_are_told():
    with pytest.warns(LearningWarning, match=r"100% of d/conductance \(1e-07 to 1\)") as caught:
        linear().fit(X, Y, epochs=2, optimizer=optimizers.Adam(lr=1e6), verbose=False)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("trainable", "lr", "text"),
    [(False, None, "no layer is trainable"), (True, 0.0, r"the learning rates of d/conductance are 0")],
)
def test_where_nothing_is_trained_it_is_told(trainable, lr, text):
    x = InputVoltageLayer(3, "x")
    model = Model(x, CurrentLayer("y")(DenseLayer(4, "d", trainable=trainable)(x)))
    with pytest.warns(LearningWarning, match=text):
        model.fit(X, Y, optimizer=optimizers.Adam(lr=lr), verbose=False)


@pytest.mark.parametrize(
    "kind", [*learning.WRONG, pytest.param(None, id="networks that learn")], ids=lambda kind: kind.__name__
)
def test_ways_of_not_learning_drawn_by_number(kind):
    if kind is None:
        assert [learning.disturbed(seed) for seed in range(2)] == ["", ""]
    else:
        assert not any(learning.untold(kind, seed) for seed in range(2))


@pytest.mark.parametrize("name", ["xor", "gates", "iris", "wine"])
def test_nothing_is_said_of_networks_that_learn(name):
    recipe = recipes.get(name)
    split = recipe.data(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LearningWarning)
        recipe.build(0).fit(
            recipe.dataset(split.x_train, split.y_train), **recipe.fit_options(0, 2), verbose=False
        )


BAD_DATA = {
    "masked": (np.ma.masked_greater(X, 0.5), "masked array with"),
    "complex": (X + 1j, "complex numbers"),
    "dates": (np.full(X.shape, np.datetime64("2020-01-01")), "dates"),
    "durations": (np.full(X.shape, np.timedelta64(1, "s")), "durations"),
    "text": (X.astype(str), "text"),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_what_is_no_number_is_refused_by_name(kind):
    data, text = BAD_DATA[kind]
    for call in (linear().predict, lambda x: linear().fit(x, Y, verbose=False)):
        with pytest.raises(ValueError, match=text):
            call(data)


def test_a_mask_that_hides_nothing_is_taken():
    plain = linear().predict(X)
    np.testing.assert_array_equal(linear().predict(np.ma.masked_array(X, mask=False)), plain)


@pytest.mark.parametrize(
    ("loss", "target", "text"),
    [
        ("cross_entropy", np.full((12, 2), 0.6), r"12 of 12 samples are no probabilities.*sum of 1.2"),
        ("cross_entropy", np.tile([1.5, -0.5], (12, 1)), "no probabilities"),
        ("bce", np.full((12, 2), 1.2), "sample 0, unit 0 is 1.2"),
    ],
)
def test_targets_that_are_no_probabilities_are_refused(loss, target, text):
    for call in ("fit", "gradients"):
        options = {"verbose": False} if call == "fit" else {}
        with pytest.raises(ValueError, match=text):
            getattr(linear(), call)(X, target, loss_fn=loss, **options)
    losses.get(loss).check_targets("y", np.tile([0.25, 0.75], (3, 1)))
