"""A converted network predicts what the network predicts, in every unit, and its errors say what to do."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import ebana
from ebana.conversion import Chain, Stage, convert
from ebana.engines import NativeEngine
from ebana.spice.simulators.batch import run
from helpers.converted import random_chain, relax
from helpers.simulators import needs_ngspice

X = np.random.default_rng(5).uniform(-1, 1, (12, 20))


@pytest.fixture(scope="module")
def network():
    """20-10-4 with a softmax, in double precision."""
    torch.manual_seed(1)
    layers = (nn.Flatten(), nn.Linear(20, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 4), nn.Softmax(1))
    return nn.Sequential(*layers).double().eval()


@pytest.fixture(scope="module")
def conversion(network):
    return ebana.convert(network)


def by_torch(network, x):
    with torch.no_grad():
        return network(torch.tensor(x)).numpy()


def test_predictions_are_the_networks(network, conversion):
    logits, probabilities = by_torch(network[:-1], X), by_torch(network, X)
    apart = np.abs(conversion.outputs(X) - logits)
    assert (apart <= conversion.error_bound(X) + 1e-12).all()
    assert apart.max() < 1e-6
    assert apart.max() > 1e-12  # the bound is of something
    np.testing.assert_allclose(conversion.predict(X), probabilities, atol=1e-7)
    assert (conversion.labels(X) == probabilities.argmax(1)).all()


def test_samples_may_have_any_shape(conversion):
    assert np.array_equal(conversion.outputs(X.reshape(12, 4, 5)), conversion.outputs(X))


def test_volts_are_what_the_user_chose(network):
    conversion = convert(network, scale=0.2, output_volts=0.05, g_min=1e-6, g_max=2e-5, examples=X, swing=0.3)
    point = conversion.model.operating_point(conversion.volts(X))
    np.testing.assert_allclose(conversion.outputs(X), by_torch(network[:-1], X), atol=1e-6)
    np.testing.assert_allclose(
        conversion.model.predict(conversion.volts(X)) * 20.0, conversion.outputs(X), rtol=1e-12
    )
    assert (conversion.input_scale, conversion.output_scale) == (0.2, 20.0)
    (amplified,) = [group for group in conversion.model.circuit.groups if group.name == "amp1"]
    assert np.abs(point.p[:, amplified.indices]).max() == pytest.approx(0.3)
    for name, siemens in conversion.model.values.items():
        if name.endswith("conductance"):
            assert siemens.min() >= 1e-6
            assert siemens.max() <= 2e-5


def test_rectified_outputs():
    torch.manual_seed(2)
    network = nn.Sequential(nn.Linear(20, 3), nn.ReLU()).double()
    expected = by_torch(network, X)
    assert (expected == 0).any()
    np.testing.assert_allclose(convert(network).outputs(X), expected, atol=1e-12)


def test_every_depth_is_within_its_bound():
    chain = random_chain(np.random.default_rng(0), (5, 6, 4, 6, 3))
    x = X[:, :5]
    found = convert(chain, feedback=1e-3)
    apart = np.abs(found.outputs(x) - chain.outputs(x))
    assert (apart <= found.error_bound(x)).all()
    assert apart.max() > 1e-7
    by_sweeps = relax(found.model, found.volts(x), 4)
    np.testing.assert_allclose(found.outputs(x), by_sweeps, atol=1e-9)


def solved(matrix, right):
    """Gauss and Jordan in fractions."""
    n = len(matrix)
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(n):
        pivot = next(r for r in range(k, n) if rows[r][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for r in range(n):
            if r != k:
                rows[r] = [a - rows[r][k] * b for a, b in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def test_kirchhoffs_law_in_fractions():
    """Both stages of 2-2-1 as one linear system, for the hidden nodes that conduct none of their diodes."""
    chain = Chain(
        (
            Stage("a", np.array([[1.0, -0.5], [0.25, 2.0]]), np.array([0.125, 0.0]), rectified=True),
            Stage("b", np.array([[1.5], [-0.75]]), np.array([0.5]), rectified=False),
        )
    )
    x = np.array([[1.0, 0.75], [1.0, -0.5], [-1.0, 0.5]])
    conversion = convert(chain, feedback=0.25, engine=NativeEngine(tolerance=1e-13))
    values = {
        name: np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(v)
        for name, v in conversion.model.values.items()
    }
    g1, g2 = values["d1/conductance"], values["d2/conductance"]
    gain, back = values["amp1/gain"][0], values["amp1/backward_gain"][0]
    outputs = []
    for sample in x:
        volts = [Fraction(float(v)) for v in (*sample, *-sample)]
        rows1 = [*volts, *values["b1/voltage"], *[Fraction(0)] * (len(g1) - 6)]
        rows2 = [*values["b2/voltage"], *[Fraction(0)] * (len(g2) - 6)]
        active = [h > 0 for h in chain.activations(sample[None])[1][0]] * 2
        matrix, right = [], []
        for i in range(4):  # hidden: p, p, n, n
            row = [Fraction(0)] * 6
            if active[i]:
                row[i] = sum(g1[:, i]) + back * gain * sum(g2[i])
                row[4], row[5] = -back * g2[i, 0], -back * g2[i, 1]
                right.append(sum(v * g for v, g in zip(rows1, g1[:, i], strict=True)))
            else:
                row[i], _ = Fraction(1), right.append(Fraction(0))
            matrix.append(row)
        for j in range(2):  # outputs
            row = [-gain * g2[i, j] for i in range(4)] + [Fraction(0)] * 2
            row[4 + j] = sum(g2[:, j])
            matrix.append(row)
            right.append(sum(v * g for v, g in zip(rows2, g2[4:, j], strict=True)))
        found = solved(matrix, right)
        assert all(v >= 0 for v in found[:2])
        assert all(v <= 0 for v in found[2:4])
        outputs.append([float((found[4] - found[5]) * values["amp2/gain"][0])])
    np.testing.assert_allclose(conversion.outputs(x), outputs, rtol=0, atol=1e-13)
    apart = np.abs(np.array(outputs) - chain.outputs(x))
    assert (apart <= conversion.error_bound(x)).all()
    assert apart.max() > 1e-3  # of so strong a feedback


@needs_ngspice
def test_the_exported_deck_has_the_networks_outputs_in_ngspice(network, conversion):
    expected = by_torch(network[:-1], X)
    for sample in (0, 7):
        found = run(conversion.model.netlist(conversion.volts(X), sample=sample))
        volts = [found[f"v(amp2_{2 * k})"][0] - found[f"v(amp2_{2 * k + 1})"][0] for k in range(4)]
        np.testing.assert_allclose(volts, expected[sample], rtol=0, atol=1e-6)
        np.testing.assert_allclose(
            volts, conversion.model.predict(conversion.volts(X))[sample], rtol=0, atol=1e-6
        )


def test_labels_are_the_networks_own():
    chain = Chain((Stage("a", np.eye(2), np.zeros(2), False),), "softmax", ("cat", "dog"))
    assert convert(chain).labels([[1.0, 0.0], [0.0, 1.0]]).tolist() == ["cat", "dog"]
    one = Chain((Stage("a", np.array([[1.0], [0.0]]), np.zeros(1), False),), "logistic", ("no", "yes"))
    assert convert(one).labels([[1.0, 0.0], [-1.0, 1.0]]).tolist() == ["yes", "no"]
    several = Chain((Stage("a", np.eye(2), np.zeros(2), False),), "logistic")
    assert convert(several).labels([[1.0, -1.0]]).tolist() == [[1, 0]]


def test_the_report_tells_sizes_gains_and_the_bound(conversion):
    report = conversion.report
    assert report.conductances == sum(
        v.size for name, v in conversion.model.values.items() if name.endswith("conductance")
    )
    text, html = str(report), report._repr_html_()
    assert text.startswith("converted: 20-10-4 as a circuit of ")
    assert "20 x 10 ReLU" in text
    assert "all inputs from -1 to 1" in text
    assert html.count("<tr>") == 3
    assert np.isfinite(report.largest_error)
    assert report.largest_error >= conversion.error_bound(X).max()
    assert [stage.gain for stage in report.stages] == [
        pytest.approx(float(conversion.model.values[f"amp{k}/gain"][0])) for k in (1, 2)
    ]


def test_a_model_goes_into_a_file_and_back(conversion, tmp_path):
    conversion.model.save(tmp_path / "converted.ebana")
    loaded = ebana.load_model(tmp_path / "converted.ebana")
    assert np.array_equal(conversion.outputs(X, loaded), conversion.outputs(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0.0}, r"convert\(scale=0.0\). Expected a number above zero"),
        ({"g_min": 1e-4, "g_max": 1e-5}, r"g_min=0.0001, g_max=1e-05\). Expected g_min below g_max"),
        ({"feedback": 0.0}, r"convert\(feedback=0.0\)"),
        ({"feedback": 2.0}, r"convert\(feedback=2.0\)"),
        ({"examples": [[1.0]]}, r"examples=\) of shape \(1, 1\). Expected samples of 20 values"),
        ({"swing": float("nan")}, r"convert\(swing=nan\)"),
    ],
)
def test_choices_that_make_no_circuit_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        convert(network, **options)


def test_data_of_another_size_are_refused(conversion):
    with pytest.raises(ValueError, match=r"20 inputs got data of shape \(20,\). .*x\[None\]"):
        conversion.predict(X[0])
