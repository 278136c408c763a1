"""Concatenate, stack and reshape only rearrange nodes."""

import numpy as np
import pytest

from ebana import ConcatenateLayer, CurrentLayer, InputVoltageLayer, Model, ReshapeLayer, StackLayer
from helpers.nets import Probe, dense


def grid(name, *shape):
    return ReshapeLayer(f"{name}_grid", shape)(InputVoltageLayer(int(np.prod(shape)), name))


def arrangement(make, *shapes):
    """The nodes that a layer hands on, and those of its inputs in their shapes."""
    sources = [InputVoltageLayer(int(np.prod(shape)), f"x{i}") for i, shape in enumerate(shapes)]
    parents = [
        ReshapeLayer(f"r{i}", shape)(x) for i, (x, shape) in enumerate(zip(sources, shapes, strict=True))
    ]
    probe = Probe("probe")
    result = make(parents)
    flat = ReshapeLayer("flat", (-1,))(probe(result))
    circuit = Model(sources, CurrentLayer("y", fold=False)(dense(2, "d")(flat))).circuit
    own = {group.name: group.indices for group in circuit.groups}
    assert probe.seen.shape == result.shape
    return probe.seen, [own[f"x{i}"].reshape(shape) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("shapes", [[(2,), (3,)], [(2, 2), (2, 3)], [(2, 1, 3), (2, 1, 1)], [(4,)]])
def test_concatenation_joins_the_last_axis(shapes):
    nodes, parents = arrangement(ConcatenateLayer("j"), *shapes)
    assert np.array_equal(nodes, np.concatenate(parents, axis=-1))


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_stacking_adds_an_axis(shape, axis):
    nodes, parents = arrangement(StackLayer("s", axis=axis), shape, shape)
    assert np.array_equal(nodes, np.stack(parents, axis=axis))


@pytest.mark.parametrize("target", [(3, 2), (-1,), (6,), (2, -1), [1, 6], 6])
def test_reshaping_keeps_the_order_of_the_nodes(target):
    nodes, (parent,) = arrangement(lambda parents: ReshapeLayer("r", target)(parents), (2, 3))
    assert np.array_equal(nodes, parent.reshape(target))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ConcatenateLayer("j")([grid("a", 2, 2), grid("b", 3, 2)]),
            "'j' joins shapes \\(2, 2\\), \\(3, 2\\)",
        ),
        (lambda: StackLayer("s")([grid("a", 2), grid("b", 3)]), "'s' stacks shapes \\(2,\\), \\(3,\\)"),
        (
            lambda: ReshapeLayer("r", (4,))(grid("a", 2, 3)),
            "'r' cannot arrange shape \\(2, 3\\) \\(6 nodes\\) as \\(4,\\)",
        ),
        (lambda: ReshapeLayer("r", (2,))([grid("a", 1), grid("b", 1)]), "'r' takes one input. Received 2"),
        (
            lambda: ConcatenateLayer("j")([InputVoltageLayer(2, "a", enabled=False)]),
            "'j' joins only disabled layers",
        ),
        (
            lambda: ConcatenateLayer("j", enabled=False)([grid("a", 2), grid("b", 2)]),
            "'j' is disabled and called on 2 inputs",
        ),
        (
            lambda: StackLayer("s", enabled=False)([grid("a", 2), grid("b", 2)]),
            "'s' is disabled and called on 2 inputs",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_disabled_reshape_leaves_the_shape_as_it_was():
    assert ReshapeLayer("r", (-1,), enabled=False)(grid("a", 2, 3)).shape == (2, 3)
