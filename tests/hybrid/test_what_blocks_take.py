"""Numbers of blocks are checked before any work, are of one type in programs, and errors come out as they are."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    InputVoltageLayer,
    LearningWarning,
    Model,
    optimizers,
)
from ebana.hybrid import (
    GOE,
    BatchNorm,
    CircuitBlock,
    Dense,
    EquilibriumBlock,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
    Uniform,
    equilibrium,
    hopfield,
)
from ebana.hybrid.description import LAYERS, PARTS, describe
from ebana.training.step import train_step
from helpers.frameworks import compilations
from helpers.hybrids import Bench, small_circuit

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), np.eye(3)[RNG.integers(0, 3, 6)]
CE = {"loss_fn": "cross_entropy", "verbose": False}
STATES = [HopfieldStates(), HopfieldDense(4)]


@pytest.mark.parametrize(
    "numbers",
    [
        {"free_sweeps": 0}, {"free_sweeps": 3.7}, {"nudged_sweeps": -1}, {"nudged_sweeps": True}, {"free_sweeps": "9"},
        {"tolerance": float("nan")}, {"tolerance": -1e-3}, {"factor": 5}, {"factor": 0}, {"factor": np.float32("nan")},
        {"free_sweeps": jnp.zeros((), int)}, {"factor": jnp.asarray(-1.0)}, {"free_sweeps": np.array([3, 4])},
    ],
)  # fmt: skip
def test_relaxations_that_cannot_be_meant_are_refused(numbers):
    (name,) = numbers
    with pytest.raises(ValueError, match=rf"Relaxation\({name}=.*Expected"):
        Relaxation(**numbers)


def test_a_relaxation_is_a_pytree_whatever_its_leaves_are():
    one = Relaxation(np.int64(3), 4, tolerance=1, factor=np.float32(1))
    assert (one.free_sweeps, one.tolerance, one.factor) == (3, 1.0, 1.0)
    assert [type(leaf) for leaf in jax.tree.leaves(one)] == [int, int, float, float]
    assert jax.tree.map(jnp.zeros_like, one).free_sweeps == 0
    assert jax.tree.map(lambda _: None, one) == jax.tree.map(lambda _: None, Relaxation(tolerance=1))
    jax.jit(lambda sweeps: Relaxation(sweeps, sweeps).free_sweeps + 1)(-3)  # not known while it is traced


@pytest.mark.parametrize("nudge", [0, -1e-3, float("nan"), float("inf"), "much", True])
def test_nudges_that_cannot_be_meant_are_refused(nudge):
    system = hopfield(STATES, (3,))
    for make in (
        lambda: equilibrium(system, nudge=nudge),
        lambda: equilibrium(system).with_(nudge=nudge),
        lambda: Hopfield(STATES, nudge=nudge),
        lambda: CircuitBlock(small_circuit(), nudge=nudge),
    ):
        with pytest.raises(ValueError, match=r"nudge=.*Expected a number above zero"):
            make()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), "1"])
@pytest.mark.parametrize("what", ["input_scale", "output_scale", "learning_rate"])
def test_scales_and_rates_that_cannot_be_meant_are_refused(what, value):
    if what == "learning_rate" and value == 0.0:
        return
    made = [
        lambda o: CircuitBlock(small_circuit(), **o),
        lambda o: EquilibriumBlock(hopfield(STATES, (3,)), **o),
    ]
    for make in [*made, *([lambda o: Hopfield(STATES, **o)] if what == "learning_rate" else [])]:
        with pytest.raises(ValueError, match=rf"{what}=.*Expected a number"):
            make({what: value})


def test_nudges_that_rounding_swallows_are_refused_with_the_block():
    for part in (Hopfield(STATES, name="b"), CircuitBlock(small_circuit(), name="b")):
        model = HybridModel([Dense(3), part, Dense(3)], 3)
        with pytest.raises(ValueError, match=r"part 'b': .*rounding"):
            model.fit(X, Y, beta=1e-20, **CE)
    slow = Hopfield(STATES, relaxation=Relaxation(200, 200, 1e-2), nudge=1e-4, name="b")
    with pytest.warns(LearningWarning, match="settle to a tolerance of 0.01"):
        HybridModel([Dense(3), slow, Dense(3)], 3).gradients(X, Y, loss_fn="cross_entropy")


REQUIRED = {
    "Dense": (8,), "Conv2D": (4,), "HopfieldDense": (3,), "HopfieldConv2D": (4,), "Hopfield": (STATES,),
    "CircuitBlock": (small_circuit(),), "EquilibriumBlock": (hopfield(STATES, (3,)),),
}  # fmt: skip
"""What declarations cannot be made without."""
NUMBERS = [
    (cls, f.name, str(f.type).startswith("int"))
    for cls in {*PARTS, *LAYERS, GOE, Uniform, Relaxation, EquilibriumBlock}
    for f in fields(cls)
    if str(f.type).startswith(("int", "float")) or cls is Relaxation
]


def declared(cls, **given):
    """A declaration, with what it needs beside what is given."""
    names = list(inspect.signature(cls).parameters)
    return cls(**dict(zip(names, REQUIRED.get(cls.__name__, ()), strict=False)) | given)


@pytest.mark.parametrize(("cls", "name", "whole"), sorted(NUMBERS, key=str))
def test_every_number_of_a_declaration_is_checked_and_one_of_pythons(cls, name, whole):
    """In descriptions, identities and programs a number of NumPy would be another one."""
    whole = whole or name.endswith("sweeps")
    kinds, plain = ((np.int64, np.uint8), 3) if whole else ((np.float64, np.float32, np.int64, int), 1.0)
    for kind in kinds:
        made = declared(cls, **{name: kind(plain)})
        assert type(getattr(made, name)) is type(plain)
        assert made == declared(cls, **{name: plain})
        assert repr(made) == repr(declared(cls, **{name: plain}))
        if cls is not EquilibriumBlock:
            assert json.dumps(describe(made)) == json.dumps(describe(declared(cls, **{name: plain})))
    for bad in (math.nan, math.inf, -1, -1.5, "1", True, *([2.5] if whole else [])):
        with pytest.raises(ValueError, match=rf"{cls.__name__}\({name}=.*Expected"):
            declared(cls, **{name: bad})


@pytest.mark.parametrize("what", ["coupling", "learning_rate"])
def test_numbers_of_a_deep_hopfield_network_are_checked(what):
    system = hopfield(STATES, (3,), **{what: np.float32(0.5)})
    held = system.coupling if what == "coupling" else system.parameters["dense_1/weight"].learning_rate
    assert (held, type(held)) == (0.5, float)
    for bad in (math.nan, -1.0, "1", True):
        with pytest.raises(ValueError, match=rf"hopfield\({what}=.*Expected"):
            hopfield(STATES, (3,), **{what: bad})


@pytest.mark.parametrize("shape", [np.int64(4), [np.int32(2), 2], np.array([2, 2, 1])])
def test_shapes_and_seeds_of_numpy_are_taken(shape):
    model = HybridModel([Dense(3)], shape, seed=np.int64(7))
    assert {type(n) for n in (*model.system.input_shape, model.seed)} == {int}
    assert (
        model.system.identity() == HybridModel([Dense(3)], np.array(shape).tolist(), seed=7).system.identity()
    )
    for options in ({"input_shape": (4, 2.5)}, {"input_shape": ()}, {"input_shape": 4, "seed": -1}):
        with pytest.raises(ValueError, match=r"HybridModel\((input_shape|seed)=.*Expected"):
            HybridModel([Dense(3)], **options)


KINDS = (float, int, np.float32, np.float64, jnp.float32, jnp.asarray)


def test_numbers_of_any_type_are_of_one_in_programs():
    """Nudges, sweeps and tolerances as Python, NumPy and JAX have them: one program."""
    block = equilibrium(hopfield(STATES, (3,), relaxation=Relaxation(20, 10, 1e-3)))
    values, x, traced = block.initial_values(), jnp.asarray(X, jnp.float32), []

    @jax.jit
    def derivatives(block, values, x):
        traced.append(1)
        return jax.grad(lambda v: (block(v, x) ** 2).sum())(values)

    derivatives(block, values, x)
    for kind in KINDS:
        derivatives(block.with_(nudge=kind(2)), values, x)
        derivatives(equilibrium(block.system, nudge=kind(1)), values, x)
        numbers = Relaxation(9, 9, kind(1), factor=kind(1))
        derivatives(block.with_(relaxation=numbers), values, x)
    for kind in (int, np.int64, np.int32, np.uint8, jnp.int32):
        derivatives(block.with_(relaxation=Relaxation(kind(7), kind(8), 1e-4)), values, x)
    assert len(traced) == 1


def test_fit_compiles_nothing_for_other_numbers(monkeypatch):
    traced = []

    def counted(*args):
        traced.append(1)
        return train_step(*args)

    monkeypatch.setattr("ebana.training.step.train_step", counted)
    runs = [
        (0.01, Relaxation(30, 20), None), (np.float32(0.02), Relaxation(np.int64(40), np.int32(20)), 2),
        (np.float64(0.01), Relaxation(30, 20, factor=np.float32(1.2)), np.float64(1.5)),
        (0.01, Relaxation(31, 21), 1.0),
    ]  # fmt: skip
    for nudge, relaxation, beta in runs:
        part = Hopfield(STATES, nudge=nudge, relaxation=relaxation)
        circuit = CircuitBlock(small_circuit(inputs=4), input_scale=np.float64(nudge) * 10, output_scale=3)
        model = HybridModel([Dense(3), part, circuit, Dense(3)], 3)
        model.fit(X, Y, batch_size=3, beta=beta, optimizer=optimizers.Adam(lr=1e-3), **CE)
        if nudge == runs[0][0] and beta is None:
            first = len(traced)
    assert len(traced) == first


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_coupling_of_zero_has_derivatives(dtype):
    """Of the smaller of 1 and most / norm, which is infinite there."""
    layers = [HopfieldStates(), HopfieldDense(3), HopfieldDense(2)]
    f, free = (equilibrium(hopfield(layers, (3,), coupling=c, dtype=dtype), "adjoint") for c in (0.9, None))
    with jax.enable_x64(dtype == "float64"):
        values = {n: jnp.full(np.shape(v), 0.1, dtype) for n, v in f.initial_values().items()}
        values["dense_1/weight"] = jnp.zeros_like(values["dense_1/weight"])
        x = 0.1 + 0.2 * jnp.abs(jnp.asarray(X, dtype))  # no state at 0 or 1
        by, expected = (jax.grad(lambda v, f=one: f(v, x).sum())(values) for one in (f, free))
    for name, g in expected.items():
        np.testing.assert_allclose(by[name], g, rtol=1e-5, err_msg=name)
        assert np.any(g)


LINEAR = [HopfieldDense(3, clamped=False), HopfieldDense(3, clamped=False)]


def test_values_without_a_minimum_are_refused_wherever_they_are_set(tmp_path):
    """Of two linear layers the coupling must stay below one."""
    model = HybridModel([Hopfield(LINEAR, coupling=None, name="b"), Dense(3)], 3)
    name, told = (
        "b/dense_1/weight",
        r"model 'hybrid': part 'b': the linear layers 'dense_0' and 'dense_1'.*norm 2",
    )
    before = model.values[name]
    with pytest.raises(ValueError, match=told):
        model.set_values({name: 2 * np.eye(3)})
    np.testing.assert_array_equal(model.values[name], before)
    model.set_values({name: 0.5 * np.eye(3)})
    model._values[name] = 2 * np.eye(3)  # by whatever way
    for use in (lambda: model.predict(X), lambda: model.evaluate(X, Y), lambda: model.gradients(X, Y)):
        with pytest.raises(ValueError, match=told):
            use()


def test_training_that_loses_the_minimum_ends_with_the_values_before():
    model = HybridModel(
        [Hopfield(LINEAR, coupling=None, name="b", relaxation=Relaxation(200, 200)), Dense(3)], 3
    )
    model.set_values({"b/dense_1/weight": 0.9 * np.eye(3)})
    with pytest.raises(ValueError, match=r"training ends after epoch \d+: model 'hybrid': part 'b'.*coupled"):
        model.fit(X, Y, epochs=40, optimizer=optimizers.SGD(lr=0.5), **CE)
    model.predict(X)


def two_inputs(engine="native") -> Model:
    x, z = InputVoltageLayer(units=2, name="x"), InputVoltageLayer(units=1, name="z")
    d = DenseLayer(units=2, name="d")(ConcatenateLayer("j")([x, z]))
    return Model([x, z], CurrentLayer("y")(d), engine=engine)


def test_inputs_and_values_of_other_shapes_are_refused():
    f = equilibrium(two_inputs())
    values = f.initial_values()
    x, z = np.ones((4, 2)), np.ones((4, 1))
    for inputs, kind, told in (
        ({"x": x, "z": z[:3]}, ValueError, r"\{'x': 4, 'z': 3\} samples"),
        ({"x": x[:0], "z": z[:0]}, ValueError, "batch without samples"),
        ({"x": x[0], "z": z}, ValueError, r"input 'x' of the block has shape \(2,\)"),
        ({"x": x, "z": "z"}, TypeError, "input 'z' of the block is a str"),
        ({"x": None, "z": z}, TypeError, "input 'x' of the block is a NoneType"),
        (x, ValueError, "takes and gives dicts by name"),
    ):
        with pytest.raises(kind, match=told):
            f(values, inputs)
    with pytest.raises(ValueError, match=r"parameter 'd/conductance' of the block has shape \(2,\)"):
        f({**values, "d/conductance": np.ones(2)}, {"x": x, "z": z})


@pytest.mark.parametrize("rule", ["coupled", "coupled_negative", "contrastive"])
def test_rules_that_hold_outputs_are_refused_before_any_work(rule):
    engine = Bench()
    model = HybridModel([Dense(3), CircuitBlock(small_circuit(engine=engine), name="bench"), Dense(3)], 3)
    for use in (model.fit, model.gradients):
        with pytest.raises(ValueError, match=r"part 'bench': .*goes down an energy of its own"):
            use(X, Y, estimator=rule, loss_fn="cross_entropy")
    with pytest.raises(ValueError, match="goes down an energy of its own"):
        equilibrium(small_circuit(), rule)
    assert engine.calls == 0


def test_devices_are_refused_for_an_engine_outside_jax_before_any_work():
    engine = Bench()
    model = HybridModel([Dense(3), CircuitBlock(small_circuit(engine=engine), name="bench"), Dense(3)], 3)
    with pytest.raises(ValueError, match="block 'bench' on engine 'bench' does not run on JAX's devices"):
        model.fit(X, Y, devices=2, batch_size=2, **CE)
    assert engine.calls == 0


def test_beside_an_engine_outside_jax_every_block_is_compiled_once():
    """Loops of JAX that run outside of programs are compiled at every call, until the process has no room for more."""
    blocks = [
        CircuitBlock(small_circuit()),
        Hopfield([HopfieldStates(), HopfieldDense(3)]),
        CircuitBlock(small_circuit(engine=Bench())),
    ]
    model = HybridModel([Dense(3), blocks[0], Dense(4), blocks[1], blocks[2], Dense(3)], 3)
    model.fit(X, Y, epochs=4, **CE)
    with compilations() as compiled:
        model.fit(X, Y, epochs=4, **CE)
    assert compiled == []


class BenchError(RuntimeError):
    """What an engine raises."""


def test_errors_of_engines_come_out_as_they_are():
    engine = Bench(error=BenchError("the bench is on fire"))
    circuit = small_circuit(engine=engine)
    model = HybridModel([Dense(3), CircuitBlock(circuit), Dense(3)], 3)
    f = equilibrium(circuit)
    values = f.initial_values()
    for use in (
        lambda: model.predict(X),
        lambda: model.fit(X, Y, **CE),
        lambda: model.gradients(X, Y, loss_fn="cross_entropy"),
        lambda: model.given(X),
        lambda: f(values, X),
        lambda: jax.grad(lambda v: f(v, jnp.asarray(X, jnp.float32)).sum())(values),
    ):
        with pytest.raises(BenchError, match="on fire"):
            use()


@pytest.mark.parametrize("before", [[], [BatchNorm(name="norm")]])
def test_a_frozen_first_block_is_not_nudged(before):
    """Nothing asks for a derivative: it settles once a step."""
    engine = Bench()
    block = CircuitBlock(small_circuit(engine=engine), trainable=False)
    model = HybridModel([*before, block, Dense(3)], 3)
    found = model.gradients(X, Y, loss_fn="cross_entropy")
    assert engine.calls == 1
    assert np.any(found["dense_1/weight"])
    behind = HybridModel([Dense(3), block, Dense(3)], 3)
    engine.calls = 0
    assert np.any(behind.gradients(X, Y, loss_fn="cross_entropy")["dense_1/weight"])
    assert engine.calls >= 2
