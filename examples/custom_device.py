"""A device of your own
====================

State its co-content, and everything else follows.

The co-content phi(dv), in watts, is the device's part of the energy. Its first derivative is the current,
its second the incremental conductance; both come from automatic differentiation. With one line of SPICE
text the same object runs in the built-in solver and in ngspice.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ebana import CurrentLayer, DenseLayer, Device, DiodeLayer, Initializers, InputVoltageLayer, Model
from ebana.analysis import check_device
from ebana.engines.ngspice import available
from ebana.reports.style import BLUE, styled


# --- the device
@dataclass(frozen=True)
class Varistor(Device):
    """Current ``k dv^3``: nearly open around zero, and stiffer the further away."""

    k: float = 1e-4  # A/V^3

    def cocontent(self, dv, p):
        """``k dv^4 / 4`` watts."""
        return self.k * dv**4 / 4

    def spice(self, name, a, b, p):
        """A behavioural current source of the same law."""
        return f"B{name} {a} {b} I={self.k!r}*V({a},{b})*V({a},{b})*V({a},{b})"


# --- end of the device

print(f"at 0.5 V: {float(Varistor().current(0.5, {})):.3e} A, {float(Varistor().conductance(0.5, {})):.3e} S")

x = InputVoltageLayer(units=3, name="x")
init = Initializers("uniform", {"L": 1e-6, "U": 1e-5})
hidden = DenseLayer(units=5, name="d1", initializer=init)(x)
hidden = DiodeLayer("soft", model=Varistor(), bias=0.0)(hidden)  # a shunt to a source at 0 V
outputs = [CurrentLayer("y")(DenseLayer(units=4, name="d2", initializer=init)(hidden))]
volts = np.random.default_rng(0).normal(0.0, 2.0, (10, 3))
native = Model([x], outputs, engine="native").predict(volts)
print("native engine:", np.round(native[0], 6), "V")

found, message = available()
if found:
    spice = Model([x], outputs, engine="ngspice").predict(volts)
    print(f"largest difference to ngspice: {np.abs(native - spice).max():.1e} V")
    print(check_device(Varistor(), -2.0, 2.0))  # the law against the text, voltage by voltage
else:
    print("ngspice is not here:", message)

dv = np.linspace(-1.0, 1.0, 201)  # volts
with styled():
    figure = Figure((6.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(dv, 1e6 * np.asarray(Varistor().current(dv, {})), color=BLUE)
    left.set(xlabel="voltage (V)", ylabel="current (µA)", title="The slope of the co-content")
    right.plot(dv, 1e6 * np.asarray(Varistor().conductance(dv, {})), color=BLUE)
    right.set(xlabel="voltage (V)", ylabel="conductance (µS)", title="... and its curvature")
