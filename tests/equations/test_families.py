"""Arrays of one law are evaluated together, and each gets the answers that it would get alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

from ebana import BehavioralDiode, CircuitBuilder, Device, JunctionDiode
from ebana.devices import forms
from ebana.equations.families import LeastConductance, characteristic, current, evaluate, families
from ebana.equations.laws import ArrayLaw
from ebana.equations.terms import Affine, HeldDeviceTerm
from helpers.circuits import solve

ONES = Affine(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))


def term(device: Device, size: int, **own: Any) -> HeldDeviceTerm:
    """An array of devices from free nodes to ground."""
    at = np.arange(size)
    return HeldDeviceTerm(ArrayLaw.of(device, size), own, at, 1, ONES, np.zeros((size, 1)))


@dataclass(frozen=True)
class Cubic(Device):
    """``i = k dv + c dv^3``; each of the two a number, or one for each unit."""

    k: Any = 1e-3
    c: Any = 1e-3

    def cocontent(self, dv, p):
        return self.k * dv**2 / 2 + self.c * dv**4 / 4


@dataclass(frozen=True)
class Weighed(Cubic):
    """With a parameter that is trained."""

    own = ("w",)

    def cocontent(self, dv, p):
        return p["w"] * super().cocontent(dv, p)


def test_arrays_of_one_form_are_one_family_in_the_order_of_the_terms():
    junction = [JunctionDiode(is_=1e-9 * k, n=1.8) for k in (1, 2)]
    ramp = BehavioralDiode(vth=0.3)
    terms = [
        term(device, size)
        for device, size in zip((junction[0], ramp, Cubic(), junction[1], ramp), (3, 2, 1, 4, 2), strict=True)
    ]
    found = families(terms)
    assert [f.members for f in found] == [(0, 3), (1,), (2,), (4,)]  # closed forms stay by themselves
    assert found[0].sizes == (3, 4)


@pytest.mark.parametrize("question", [current, characteristic, LeastConductance(1e-3), LeastConductance(0.0)])
def test_each_gets_what_it_would_get_alone(question):
    """Of unequal sizes, numbers and parameters, with one sample beside many."""
    rng = np.random.default_rng(0)
    terms = [
        term(Cubic(k=1e-3), 2),
        term(Weighed(c=np.array([1e-3, 2e-3, 3e-3])), 3, w=np.array([[1.0], [2.0], [3.0]])),
        term(Cubic(k=np.array([1e-3, 2e-3, 3e-3]), c=2e-3), 3),
        term(Weighed(k=5e-3), 1, w=np.array([[4.0]])),
        term(Weighed(k=5e-3), 2, w=np.array([[5.0]])),
        term(Cubic(k=np.array([7e-3])), 4),
    ]
    dvs = [rng.normal(size=(t.size, 1 if t.size == 3 else 5)) for t in terms]
    with jax.enable_x64(True):
        found = families(terms)
        assert sorted(f.members for f in found) == [(0, 2, 5), (1, 3, 4)]
        together = evaluate(found, question, [jnp.asarray(dv) for dv in dvs])
        for one, dv, answer in zip(terms, dvs, together, strict=True):
            alone = question(one.law, jnp.asarray(dv), one.own)
            for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(answer), strict=True):
                assert b.shape == (one.size, 5)
                np.testing.assert_allclose(np.broadcast_to(a, b.shape), b, rtol=1e-13)


@dataclass(frozen=True)
class Linear(Device):
    """Answers with constants and single rows where it can."""

    siemens: float = 1e-3

    def piecewise_linear(self, p):
        return None

    def current(self, dv, p):
        return self.siemens * dv

    def conductance(self, dv, p):
        return self.siemens

    def least_conductance(self, dv, p, radius):
        return self.siemens * jnp.ones((1, *dv.shape[1:])) if radius else jnp.asarray(self.siemens)


@pytest.mark.parametrize("count", [1, 2])
def test_constant_answers_are_one_for_each_voltage(count):
    terms = [term(Linear(), 2), term(Linear(), 3)][:count]
    dvs = [jnp.ones((t.size, 4)) for t in terms]
    for question in (characteristic, LeastConductance(1e-3), LeastConductance(0.0)):
        for t, answer in zip(terms, evaluate(families(terms), question, dvs), strict=True):
            for leaf in jax.tree.leaves(answer):
                assert leaf.shape == (t.size, 4)
                np.testing.assert_allclose(leaf, 1e-3)


def two_groups(device: Device) -> Any:
    """Devices of one array at two layers of nodes, two and three."""
    build = CircuitBuilder()
    x, a, b = build.input("x", 2), build.nodes("a", 2), build.nodes("b", 3)
    build.crossbar("first", x, a, [[1e-3, 2e-3], [3e-3, 1e-3]])
    build.crossbar("second", a, b, [[1e-3, 2e-3, 1e-3], [3e-3, 1e-3, 2e-3]])
    build.devices("d", np.concatenate([b, a]), build.ground(5), device)
    build.devices("e", a, build.ground(2), Cubic(k=np.array([1e-4, 2e-4])))
    build.output("y", b, folded=False)
    return build.build()


@dataclass(frozen=True)
class Concrete(Cubic):
    """Computes with its numbers as such: it cannot be traced with them."""

    def cocontent(self, dv, p):
        k = np.exp(np.log(self.k))
        return k * dv**2 / 2 + self.c * dv**4 / 4


@dataclass(frozen=True)
class Parallel(Cubic):
    """So many in parallel, a whole number for each unit."""

    many: Any = 1

    def cocontent(self, dv, p):
        return self.many * super().cocontent(dv, p)


K = np.array([1e-3, 2e-3, 4e-3, 8e-3, 16e-3])


@pytest.mark.parametrize("samples", [5, 7])
@pytest.mark.parametrize(
    "device", [Cubic(K, c=2 * K), Concrete(K), Parallel(many=np.array([1, 2, 4, 8, 16]))], ids=repr
)
def test_a_number_for_each_unit_follows_its_devices_into_both_layers(device, samples):
    """Swept and by Newton's method, against the same devices one by one."""
    x = {"x": np.random.default_rng(1).normal(size=(samples, 2))}
    circuit = two_groups(device)
    swept, newton = (solve(circuit, x, method=method) for method in ("sweeps", "newton"))
    assert (swept.code == 0).all()
    assert (newton.code == 0).all()
    np.testing.assert_allclose(swept.v, newton.v, rtol=0, atol=1e-9)
    apart = CircuitBuilder()
    rows, a, b = apart.input("x", 2), apart.nodes("a", 2), apart.nodes("b", 3)
    apart.crossbar("first", rows, a, [[1e-3, 2e-3], [3e-3, 1e-3]])
    apart.crossbar("second", a, b, [[1e-3, 2e-3, 1e-3], [3e-3, 1e-3, 2e-3]])
    for k, node in enumerate(np.concatenate([b, a])):
        apart.devices(f"d{k}", [node], apart.ground(1), device.pick(k, 5))
    apart.devices("e", a, apart.ground(2), Cubic(k=np.array([1e-4, 2e-4])))
    apart.output("y", b, folded=False)
    np.testing.assert_allclose(solve(apart.build(), x, method="newton").v, newton.v, rtol=0, atol=1e-9)


def test_what_is_remembered_of_forms_holds_no_traced_values():
    """A number for each unit in a column, seen within a program, once stayed in memory with its trace."""
    solve(two_groups(Cubic(K, c=3 * K)), {"x": np.ones((2, 2))}, method="sweeps")
    fixed = [
        value.value for form, *_ in forms._traced if isinstance(form.key, tuple) for _, value in form.key[2]
    ]
    assert not any(isinstance(value, Tracer) for value in fixed)
