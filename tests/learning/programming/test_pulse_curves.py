"""Devices by measured curves: trains give the measurements back, and files that make no sense are refused by line."""

from fractions import Fraction as F

import numpy as np
import pytest

from ebana.learning.programming import PiecewiseStep

PULSES = (0, 1, 2, 4, 8)
UP = (1.0, 2.0, 2.75, 3.5, 4.0)
DOWN = (5.0, 3.0, 2.0, 1.5, 1.25)


def place(conductance):
    """From 1 to 5 onto -1 to 1."""
    return (np.asarray(conductance) - 3.0) / 2.0


def interpolated(xs, ys, x):
    """Straight lines in fractions; the end beyond an end."""
    xs, ys = [F(v) for v in xs], [F(v) for v in ys]
    if x <= xs[0]:
        return ys[0]
    for k in range(len(xs) - 1):
        if x <= xs[k + 1]:
            return ys[k] + (ys[k + 1] - ys[k]) * (x - xs[k]) / (xs[k + 1] - xs[k])
    return ys[-1]


@pytest.fixture
def device():
    return PiecewiseStep(pulses=PULSES, up=UP, down=DOWN)


def test_trains_from_the_ends_give_the_measurements_back(device):
    np.testing.assert_allclose(device.pulsed(np.full(5, -1.0), PULSES), place(UP), atol=1e-15)
    np.testing.assert_allclose(device.pulsed(np.full(5, 1.0), -np.array(PULSES)), place(DOWN), atol=1e-15)


@pytest.mark.parametrize("start", [1.0, 1.375, 2.25, 3.625, 4.0, 4.5])
@pytest.mark.parametrize("n", [1, 3, -1, -2])
def test_a_train_moves_along_the_curve_of_its_direction(device, start, n):
    if n > 0:
        end = max(interpolated(PULSES, UP, interpolated(UP, PULSES, F(start)) + n), F(start))
    else:
        begun = interpolated(DOWN[::-1], PULSES[::-1], F(start))
        end = min(interpolated(PULSES, DOWN, begun - n), F(start))
    assert float(device.pulsed(place(start), n)) == pytest.approx(float(place(float(end))), abs=1e-14)


def test_trains_add_up_also_with_noise():
    """The sum of n pulses of ``1 + c xi`` on a straight curve."""
    line = np.linspace(0.0, 1.0, 11)
    device = PiecewiseStep(pulses=100 * np.arange(11), up=line, down=line[::-1], cycle_to_cycle=0.5)
    moved = 500 * device.pulsed(np.zeros(20_000), 16, seed=5)
    assert moved.mean() == pytest.approx(16, abs=4 * 2 / np.sqrt(20_000))
    assert moved.std() == pytest.approx(0.5 * 4, rel=4 / np.sqrt(40_000))


def test_curves_come_from_a_file(tmp_path, device):
    path = tmp_path / "curves.csv"
    rows = "".join(f"{p},{d},{u}\n" for p, u, d in zip(PULSES, UP, DOWN, strict=True))
    path.write_text(f"Pulse, down,up\n{rows}\n")
    assert PiecewiseStep.from_csv(path) == device
    assert PiecewiseStep.from_csv(path, cycle_to_cycle=0.5).cycle_to_cycle == 0.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pulse,up,down\n0,1,5\n1,2,4\n2,2,3\n", r"line 4: up is 2 after 2\. Expected it to rise"),
        ("pulse,up,down\n0,1,5\n1,2,4\n\n2,3,4.5\n", r"line 5: down is 4.5 after 4\. Expected it to fall"),
        ("pulse,up,down\n0,1,5\n0,2,4\n", "line 3: pulse is 0 after 0"),
        ("pulse,up,down\n1,1,5\n2,2,4\n", "line 2: the curves begin at pulse 1"),
        ("pulse,up,down\n0,1,5\n1,two,4\n", "line 3: '1,two,4'"),
        ("pulse,up,down\n0,1,5\n1,2\n", "line 3"),
        ("pulse,up,down\n0,1,5\n1,nan,4\n", "line 3"),
        ("pulse,up,down\n0,1,5\n", "holds 1 points"),
        ("pulse,conductance\n0,1\n", r"columns \['pulse', 'conductance'\]"),
        ("", "columns"),
    ],
)
def test_files_that_make_no_curve_are_refused_by_line(tmp_path, text, told):
    path = tmp_path / "curves.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=told):
        PiecewiseStep.from_csv(path)


def test_curves_of_several_lengths_are_refused():
    with pytest.raises(ValueError, match="2 numbers of pulses, 3 points up and 2 down"):
        PiecewiseStep(pulses=(0, 1), up=(1, 2, 3), down=(2, 1))


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path):
    path = tmp_path / "curves.csv"
    text = "pulse,up,down,note\n0,1,5,\n1,2,3,20 °C\n"
    for encoding in ("latin-1", "utf-16"):
        path.write_bytes(text.encode(encoding))
        with pytest.raises(ValueError, match=r"curves\.csv is no text in UTF-8 .*pulse, up, down"):
            PiecewiseStep.from_csv(path)
