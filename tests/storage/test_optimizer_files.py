"""The optimizer's file: state and values come back bit for bit, layers can be reused."""

import numpy as np
import optax
import pytest

from ebana.learning.optimizers import SGD, Adam, Optimizer
from ebana.parameters import Parameter
from ebana.storage import archive as storage
from ebana.storage.archive import CorruptFile


class System:
    def __init__(self, parameters):
        self.parameters = {p.name: p for p in parameters}
        self.trainable = tuple(self.parameters)


class Model:
    def __init__(self, seed=0, **sizes):
        rng = np.random.default_rng(seed)
        shapes = {"d1": 3, "d2": 2} | sizes
        self.system = System(
            [
                # layers state the mean of their rule, so that default learning rates do not hang on what was drawn
                Parameter(f"{n}/conductance", "conductance", rng.uniform(1, 2, k), True, 0.1, 9.0, mean=1.5)
                for n, k in shapes.items()
            ]
        )
        self.values = {name: np.array(p.initial) for name, p in self.system.parameters.items()}

    def set_values(self, values):
        self.values = self.values | {name: np.array(value) for name, value in values.items()}


def gradients(model, seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=value.shape) for name, value in model.values.items()}


def trained(rule=Adam, steps=3, **sizes):
    model = Model(**sizes)
    optimizer = rule(model)
    for k in range(steps):
        optimizer.step(model, gradients(model, k))
    return model, optimizer


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("name", ["xor2_optimizer", "xor2_optimizer.pickle", "state.ebana"])
def test_training_goes_on_bit_for_bit(tmp_path, name):
    model, optimizer = trained()
    optimizer.save_state(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]

    other = Model(seed=9)
    again = Adam(other)
    assert set(again.load_state(tmp_path / name)) == set(model.values)
    same(other.values, model.values)
    for m, o in ((model, optimizer), (other, again)):
        o.step(m, gradients(m, 7))
    same(other.values, model.values)
    assert again.steps == optimizer.steps


@pytest.mark.parametrize(
    "rule", [SGD, lambda m: SGD(m, momentum=0.9), lambda m: Optimizer(m, transform=optax.scale_by_lion())]
)
def test_every_kind_of_state_comes_back(tmp_path, rule):
    model, optimizer = trained(rule)
    optimizer.save_state(tmp_path / "s")
    other = Model(seed=9)
    again = rule(other)
    again.load_state(tmp_path / "s")
    for m, o in ((model, optimizer), (other, again)):
        o.step(m, gradients(m, 7))
    same(other.values, model.values)


def test_values_are_stored_before_the_first_step(tmp_path):
    model, optimizer = trained(steps=0)
    optimizer.save_state(tmp_path / "s")
    other = Model(seed=9)
    again = Adam(other)
    again.load_state(tmp_path / "s")
    same(other.values, model.values)
    assert again.state is None


def test_some_layers_can_be_reused(tmp_path):
    model, optimizer = trained()
    optimizer.save_state(tmp_path / "s")
    other = Model(seed=9, d2=5)
    start = other.values["d2/conductance"]
    again = Adam(other)
    assert again.load_state(tmp_path / "s", layers=["d1"]) == ("d1/conductance",)
    np.testing.assert_array_equal(other.values["d1/conductance"], model.values["d1/conductance"])
    np.testing.assert_array_equal(other.values["d2/conductance"], start)
    again.step(other, gradients(other))


def test_layers_that_only_one_model_has_are_left_alone(tmp_path):
    _, optimizer = trained()
    optimizer.save_state(tmp_path / "s")
    other = Model(seed=9, d3=4)
    again = Adam(other)
    assert set(again.load_state(tmp_path / "s")) == {"d1/conductance", "d2/conductance"}
    again.step(other, gradients(other))


@pytest.mark.parametrize(
    ("make", "layers", "message"),
    [
        (lambda: Model(d2=5), None, r"'d2/conductance' in the shape \(2,\). Expected \(5,\)"),
        (lambda: Model(), ["d7"], r"for the layers \['d7'\]"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path, make, layers, message):
    _, optimizer = trained()
    optimizer.save_state(tmp_path / "s")
    model = make()
    before = {name: value.copy() for name, value in model.values.items()}
    with pytest.raises(ValueError, match=message):
        Adam(model).load_state(tmp_path / "s", layers)
    same(model.values, before)


def test_another_kind_of_optimizer_is_named(tmp_path):
    model, optimizer = trained()
    optimizer.save_state(tmp_path / "s")
    with pytest.raises(ValueError, match=r"state of Adam. Expected SGD"):
        SGD(model).load_state(tmp_path / "s")


def test_a_file_of_another_kind_is_refused(tmp_path):
    storage.write(tmp_path / "h", "history", {}, {})
    with pytest.raises(CorruptFile, match="holds a history"):
        Adam(Model()).load_state(tmp_path / "h")


def test_a_model_is_needed(tmp_path):
    with pytest.raises(ValueError, match=r"save_state needs a model"):
        Adam().save_state(tmp_path / "s")
    assert not list(tmp_path.iterdir())
