"""Steps that are programs of their own train as steps of a loop do, and are those of convolutions slow in loops."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ebana.hybrid import (
    BatchNorm,
    Conv2D,
    Dense,
    Function,
    Hopfield,
    HopfieldConv2D,
    HopfieldStates,
    HybridModel,
    RandomShift,
    from_flax,
)
from ebana.hybrid.parts import Applied, Part, Passed
from ebana.hybrid.system import HybridSystem
from ebana.learning.systems.convolution import convolve
from ebana.parameters import Parameter
from ebana.training import step

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 16)), np.eye(3)[RNG.integers(0, 3, 20)]


def smoothed(x):
    """A convolution as JAX has it, whose derivatives have other axes."""
    kernel = jnp.full((3, 3, 1, 1), 0.1, x.dtype)
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@dataclass(frozen=True)
class OwnConvolution(Part):
    """A part of a user's own without a label, of images or of images in rows."""

    function: str
    rows: bool = False

    def build(self, shape, rng, where):
        def run(values, x, context):
            images, kernel = x.reshape(-1, 4, 4, 1), values["kernel"]
            if self.function == "own":
                return Passed(convolve(images, kernel).reshape(x.shape))
            numbers = {"jax": ("NHWC", "HWIO", "NHWC"), "channels first": ("NCHW", "HWIO", "NCHW")}[
                self.function
            ]
            images = images.reshape(-1, 1, 4, 4) if self.function == "channels first" else images
            y = jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=numbers)
            return Passed(y.reshape(x.shape))

        return Applied(
            (self, shape), shape, run, {"kernel": Parameter("kernel", "weight", np.ones((3, 3, 1, 1)))}
        )


IMAGES, ROWS = (4, 4, 1), (16,)
SLOW = {
    "function": (Function(smoothed), IMAGES),
    "function within jit": (Function(jax.jit(smoothed)), IMAGES),
    "function of rows": (Function(lambda x: smoothed(x.reshape(-1, 4, 4, 1)).reshape(x.shape)), ROWS),
    "part of one's own": (OwnConvolution("jax"), IMAGES),
    "part of one's own, of rows": (OwnConvolution("jax", rows=True), ROWS),
    "part of one's own, channels first": (OwnConvolution("channels first"), IMAGES),
    "Flax": (from_flax(nnx.Conv(1, 2, (3, 3), rngs=nnx.Rngs(0))), IMAGES),
}
QUICK = {
    "function without a convolution": (Function(jnp.tanh), IMAGES),
    "part of one's own by convolve": (OwnConvolution("own"), IMAGES),
    "convolution": (Conv2D(2, pool=2), IMAGES),
    "block": (Hopfield([HopfieldStates(), HopfieldConv2D(2)]), IMAGES),
    "block without feedback": (Hopfield([HopfieldStates(), HopfieldConv2D(2)], feedback=False), IMAGES),
    "normalisation": (BatchNorm(), IMAGES),
    "shifts": (RandomShift(1), IMAGES),
    "dense": (Dense(3), ROWS),
}


@pytest.mark.parametrize("name", SLOW | QUICK)
def test_steps_are_apart_where_a_part_holds_a_convolution_of_other_axes(name):
    part, shape = (SLOW | QUICK)[name]
    model = HybridModel([part, Dense(3)], shape)
    assert model.system.traits.steps_apart is (name in SLOW)


def test_a_system_that_asks_for_it_has_steps_apart(monkeypatch):
    model = HybridModel([Hopfield([HopfieldStates(), HopfieldConv2D(2)]), Dense(3)], IMAGES)
    system = type(next(iter(model.blocks.values())).block.system)
    own = system.traits.fget
    monkeypatch.setattr(system, "traits", property(lambda one: replace(own(one), steps_apart=True)))
    assert model.system.traits.steps_apart


def trained():
    model = HybridModel([Function(smoothed), Dense(4), Dense(3)], (4, 4, 1), seed=1)
    history = model.fit(X, Y, epochs=2, batch_size=8, loss_fn="cross_entropy", verbose=False)
    return model, history.history["loss"]


@pytest.fixture
def programs(monkeypatch):
    """How many steps were programs of their own."""
    counted, run = [], step._next
    monkeypatch.setattr(step, "_next", lambda *given: counted.append(1) or run(*given))
    return counted


def test_the_same_is_learned(monkeypatch, programs):
    apart, losses = trained()
    assert len(programs) == 6
    in_loop = HybridSystem.traits.fget
    monkeypatch.setattr(
        HybridSystem, "traits", property(lambda system: replace(in_loop(system), steps_apart=False))
    )
    looped, others = trained()
    assert len(programs) == 6
    assert losses == pytest.approx(others, rel=1e-6)
    for name, value in apart.values.items():
        np.testing.assert_allclose(looped.values[name], value, rtol=1e-5, atol=1e-7)
