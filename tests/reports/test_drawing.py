"""The drawing of the layer graph: nothing overlaps, everything runs from left to right."""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ebana.reports import draw_model, png
from ebana.reports.graph_layout import arrange


@dataclass
class Layer:
    """A layer as the drawing sees it."""

    name: str
    kind_label: str
    shape_label: str = ""
    parents: list["Layer"] = field(default_factory=list)


def iris():
    xp, xn, b1 = Layer("xp", "input", "4"), Layer("xn", "input", "4"), Layer("b1", "bias", "2")
    j1 = Layer("j1", "concatenate", "10", [xp, xn, b1])
    d1 = Layer("d1", "dense", "10 x 10", [j1])
    down = Layer("act1_1", "diode", "10", [d1])
    up = Layer("act1_2", "diode", "10", [down])
    amp = Layer("amp1", "amplifier", "10", [d1])
    b2 = Layer("b2", "bias", "2")
    j2 = Layer("j2", "concatenate", "12", [amp, b2])
    d2 = Layer("d2", "dense", "12 x 6", [j2])
    return [xp, xn, b1, j1, d1, down, up, amp, b2, j2, d2, Layer("c1", "current", "6", [d2])]


def random_graph(seed, count=40):
    rng = np.random.default_rng(seed)
    kinds = ["dense", "diode", "amplifier", "concatenate", "reshape", "stack", "current", "clamp"]
    layers = [Layer(f"x{i}", "input", "4") for i in range(3)]
    while len(layers) < count:
        chosen = rng.choice(len(layers), size=rng.integers(1, 4), replace=False)
        kind = str(rng.choice(kinds))
        layers.append(Layer(f"layer_{len(layers)}", kind, "10 x 10", [layers[i] for i in chosen]))
    rng.shuffle(layers)  # type: ignore[arg-type]
    return layers


GRAPHS = {"iris": iris(), **{f"random {seed}": random_graph(seed) for seed in range(6)}}


def plan_of(layers):
    parents = [[next(i for i, x in enumerate(layers) if x is p) for p in layer.parents] for layer in layers]
    return parents, arrange(parents, [(0.6 + 0.05 * len(x.name), 0.6) for x in layers])


@pytest.mark.parametrize("layers", GRAPHS.values(), ids=GRAPHS)
def test_boxes_do_not_overlap_and_lie_inside(layers):
    _, plan = plan_of(layers)
    for a, b in combinations(plan.boxes, 2):
        assert (
            a.right <= b.x or b.right <= a.x or a.y + a.height <= b.y + 1e-9 or b.y + b.height <= a.y + 1e-9
        )
    for box in plan.boxes:
        assert -1e-9 <= box.x <= box.right <= plan.width + 1e-9
        assert -1e-9 <= box.y <= box.y + box.height <= plan.height + 1e-9


@pytest.mark.parametrize("layers", GRAPHS.values(), ids=GRAPHS)
def test_arrows_run_from_left_to_right_and_end_at_their_boxes(layers):
    parents, plan = plan_of(layers)
    assert sorted((r.source, r.target) for r in plan.routes) == sorted(
        (p, i) for i, above in enumerate(parents) for p in above
    )
    for route in plan.routes:
        source, target = plan.boxes[route.source], plan.boxes[route.target]
        xs = [x for x, _ in route.points]
        assert (np.diff(xs) > 0).all()
        assert (xs[0], xs[-1]) == (source.right, target.x)
        assert target.y < route.points[-1][1] < target.y + target.height


@pytest.mark.parametrize("layers", GRAPHS.values(), ids=GRAPHS)
def test_no_arrow_passes_behind_a_box(layers):
    _, plan = plan_of(layers)
    for route in plan.routes:
        lanes = list(zip(route.points[1:-1:2], route.points[2:-1:2], strict=True))
        for (x0, y), (x1, _) in lanes:
            for box in plan.boxes:
                assert box.right <= x0 or x1 <= box.x or not box.y < y < box.y + box.height


def test_a_chain_is_straight():
    plan = arrange([[], [0], [1], [2]], [(1.0, 0.5)] * 4)
    assert len({round(y, 6) for route in plan.routes for _, y in route.points}) == 1


def test_a_bias_stands_beside_the_layer_that_reads_it():
    layers = iris()
    _, plan = plan_of(layers)
    b2, amp, j2 = plan.boxes[8], plan.boxes[7], plan.boxes[9]
    assert amp.x < b2.right < j2.x
    assert abs((b2.x + b2.right) - (amp.x + amp.right)) < 1e-9


def test_crossings_are_avoided_where_they_can_be():
    plan = arrange([[], [], [], [2], [1], [0]], [(1.0, 0.5)] * 6)
    ends = sorted((route.points[0][1], route.points[-1][1]) for route in plan.routes)
    assert [b for _, b in ends] == sorted(b for _, b in ends)


def test_the_same_parent_twice_is_one_arrow():
    assert len(arrange([[], [0, 0]], [(1.0, 0.5)] * 2).routes) == 1


@pytest.mark.parametrize("layers", GRAPHS.values(), ids=GRAPHS)
def test_the_figure_has_a_box_and_three_lines_a_layer_and_an_arrow_an_edge(layers):
    axes = draw_model(layers).axes[0]
    edges = sum(len(layer.parents) for layer in layers)
    assert sum(isinstance(p, FancyBboxPatch) for p in axes.patches) == len(layers)
    assert sum(isinstance(p, FancyArrowPatch) for p in axes.patches) == edges
    assert len(axes.texts) == 3 * len(layers)


def test_every_text_fits_its_box():
    figure = draw_model([*iris(), Layer("a_rather_long_name_for_a_layer", "current source", "1024, folded")])
    png(figure)
    axes = figure.axes[0]
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    for i, text in enumerate(axes.texts):
        outer, inner = boxes[i // 3].get_window_extent(), text.get_window_extent()
        assert outer.x0 < inner.x0 < inner.x1 < outer.x1
        assert outer.y0 < inner.y0 < inner.y1 < outer.y1


def test_kinds_differ_in_colour():
    kinds = ["input", "dense", "diode", "amplifier", "current", "reshape"]
    axes = draw_model([Layer(kind, kind) for kind in kinds]).axes[0]
    assert len({p.get_edgecolor() for p in axes.patches}) == len(kinds)


def test_an_unknown_kind_and_a_name_like_a_formula_are_drawn():
    assert png(draw_model([Layer("$x{", "memristor bank", "4")]))


def test_the_same_layers_give_the_same_bytes():
    assert png(draw_model(iris())) == png(draw_model(iris()))


def test_a_loop_is_refused():
    a, b = Layer("a", "dense"), Layer("b", "dense")
    a.parents, b.parents = [b], [a]
    with pytest.raises(ValueError, match="loop"):
        draw_model([a, b])


def test_a_parent_that_is_missing_is_named():
    with pytest.raises(ValueError, match="'d1' is called on 'x'"):
        draw_model([Layer("d1", "dense", "", [Layer("x", "input")])])


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="no layer"):
        draw_model([])
