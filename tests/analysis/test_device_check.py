"""The device check passes what is right and says where the rest is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

import jax.numpy as jnp
import pytest

from ebana.analysis import check_device
from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.engines.native import NativeEngine
from ebana.engines.ngspice import available
from helpers.simulators import needs_ngspice

FOUND, WHY = available()


@dataclass(frozen=True)
class Varistor(Device):
    """``i = k dv^3``, and faults to order."""

    k: float = 1e-4
    text: float = 1.0  # factor of the SPICE text
    slope: float = 1.0  # factor of the stated current
    rise: float = 1.0  # factor of the stated conductance
    tail: str = ""

    def cocontent(self, dv, p):
        return p.get("k", self.k) * dv**4 / 4

    def current(self, dv, p):
        return self.slope * p.get("k", self.k) * jnp.asarray(dv) ** 3

    def conductance(self, dv, p):
        return 3 * self.rise * p.get("k", self.k) * jnp.asarray(dv) ** 2

    def spice(self, name, a, b, p):
        k = self.text * float(p.get("k", self.k))
        return f"B{name} {a} {b} I={k!r}*V({a},{b})*V({a},{b})*V({a},{b}){self.tail}"


@needs_ngspice
@pytest.mark.parametrize(
    "device",
    [
        Varistor(),
        BehavioralDiode(vth=0.3, ron=100.0, roff=1e6),
        JunctionDiode(is_=1e-9, n=1.8, rs=10.0, bv=0.9, ibv=1e-6),
        MosDiode(0.5, 1e-4, lambda_=0.02),
        Mosfet(0.5, 1e-4, vgs=1.2),
        Mosfet(-0.5, 1e-4, vgs=-1.2, channel="p", gamma=0.6),
    ],
    ids=lambda d: type(d).__name__,
)
def test_right_devices_pass(device):
    report = check_device(device)
    assert report.passed, str(report)
    assert "ngspice" in str(report)
    assert "passed" in str(report).splitlines()[0]


@needs_ngspice
def test_wrong_text_fails_and_is_located():
    report = check_device(Varistor(text=1.01), -1.0, 2.0)
    assert not report.passed
    (wrong,) = [check for check in report.checks if not check.passed]
    assert wrong.what == "current of ngspice against the law"
    assert wrong.worst == pytest.approx(0.01, rel=0.02)
    assert "FAILED current of ngspice against the law: differs by 9." in str(report)


@dataclass(frozen=True)
class Misprinted(Device):
    """A device whose card says something else than its law."""

    device: Device = Varistor()
    right: str = ""
    wrong: str = ""

    def cocontent(self, dv, p):
        return self.device.cocontent(dv, p)

    def current(self, dv, p):
        return self.device.current(dv, p)

    def conductance(self, dv, p):
        return self.device.conductance(dv, p)

    def spice(self, name, a, b, p):
        return self.device.spice(name, a, b, p)

    def spice_model(self):
        text = self.device.spice_model()
        assert self.right in text
        return text.replace(self.right, self.wrong)


@needs_ngspice
@pytest.mark.parametrize(
    ("device", "right", "wrong"),
    [
        (JunctionDiode(is_=1e-9, n=1.8, rs=10.0), "IS=1e-09", "IS=1.01e-09"),
        (JunctionDiode.named("1N4148"), "IS=6.34e-09", "IS=6.4034e-09"),
        (MosDiode(0.5, 1e-4, lambda_=0.02), "VTO=0.5", "VTO=0.50001"),
        (MosDiode(0.5, 1e-4, lambda_=0.02), "LAMBDA=0.02", "LAMBDA=0.0202"),
    ],
)
def test_small_errors_of_a_card_are_found(device, right, wrong):
    assert check_device(Misprinted(device, right, right)).passed
    report = check_device(Misprinted(device, right, wrong))
    (check,) = [check for check in report.checks if not check.passed]
    assert check.what == "current of ngspice against the law"
    assert check.difference > check.resolution > 0


@needs_ngspice
def test_differences_are_told_beside_what_can_be_resolved():
    report = check_device(JunctionDiode(is_=1e-9, n=1.8, rs=10.0))
    first, *lines = str(report).splitlines()
    assert ": passed; dv from -1 to 1 V, currents from -" in first
    assert report.volts == (-1.0, 1.0)
    assert report.amperes[0] < -1e-9
    assert 1e-2 < report.amperes[1] < 1.0
    number = r"\d\.\de[-+]\d\d"
    said = rf"ok     current of ngspice against the law: largest difference {number} A of {number} A at dv = .* V at"
    assert re.match(rf"{said} .* C behind .* ohm; resolved to {number} A", lines[-1])
    check = report.checks[-1]
    assert 0 < check.difference <= check.resolution < 1e-3 * check.of


def test_the_law_is_compiled_once_for_all_temperatures():
    """All of a law in one program, and arrays of one shape."""
    traces = []

    @dataclass(frozen=True)
    class Counted(Varistor):
        temperature: float = 27.0

        def conductance(self, dv, p):
            traces.append(dv.shape)
            return super().conductance(dv, p)

    report = check_device(Counted(), engines=[], p=[{"k": 1e-4}, {"k": 2e-4}], points=11)
    assert report.passed
    assert [shape for shape in traces if shape != (2,)] == [(33,)]  # (2,): whether it can be traced at all


@needs_ngspice
def test_parameters_of_the_element_reach_the_text():
    assert check_device(Varistor(), p={"k": 3e-3}).passed
    report = check_device(Varistor(text=1.01), p=[{"k": 1e-3}, {"k": 2e-3}])
    assert not report.passed
    assert ", k=0.00" in str(report)


@needs_ngspice
@pytest.mark.parametrize(("tail", "message"), [(")", "balanced brackets"), ("*nothing(1)", "ngspice")])
def test_text_that_is_refused_fails_with_the_reason(tail, message):
    report = check_device(Varistor(tail=tail))
    assert not report.passed
    assert message in str(report)


@pytest.mark.parametrize(
    ("device", "what"),
    [
        (Varistor(slope=1.01), "slope of the co-content"),
        (Varistor(rise=1.01), "slope of the current"),
        (Varistor(k=-1e-4), "negative conductance"),
    ],
)
def test_laws_that_contradict_themselves_fail(device, what):
    report = check_device(device, engines=[])
    assert next(check.what for check in report.checks if not check.passed).startswith(what)


@pytest.mark.parametrize("engine", ["native", NativeEngine(tolerance=1e-12)])
def test_engines_are_given_by_name_or_object(engine):
    report = check_device(BehavioralDiode(vth=0.1, ron=50.0, roff=1e5), engines=[engine], points=9)
    assert report.passed, str(report)
    assert any(check.what == "current of native against the law" for check in report.checks)


def test_temperatures_are_set_where_the_device_has_one():
    diode = JunctionDiode(is_=1e-9)
    assert check_device(diode, engines=[], temperatures=[0.0, 100.0], points=5).passed
    with pytest.raises(ValueError, match="no field 'temperature'"):
        check_device(BehavioralDiode(), engines=[], temperatures=[0.0])


@dataclass(frozen=True)
class Silent(Device):
    def cocontent(self, dv, p):
        return dv**2


@pytest.mark.parametrize(
    ("device", "options", "error", "message"),
    [
        (Silent(), {}, NotImplementedError, "Silent has no SPICE form"),
        (IdealDiode(), {}, ValueError, "is ideal"),
        (Varistor(), {"low": 1.0, "high": 0.0}, ValueError, "low below high"),
        (Varistor(), {"engines": ["pspice"]}, ValueError, "pspice"),
    ],
)
def test_what_cannot_be_checked_is_refused(device, options, error, message):
    with pytest.raises(error, match=message):
        check_device(device, **options)
