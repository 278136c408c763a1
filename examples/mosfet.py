"""Transistors as the nonlinearity
===============================

Xor with MOSFETs tied as diodes (EBANA, Figure 9), checked by ngspice.

Each hidden node has two n-channel transistors of one SPICE card, one conducting out of the node above a
threshold and one into it below. Nothing else changes: the card replaces the diode.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    SubcircuitLayer,
    datasets,
    optimizers,
)
from ebana.analysis import check_device
from ebana.devices.mosfet.transistor import MosDiode
from ebana.engines.ngspice import available
from ebana.reports.style import BLUE, GREEN, VERMILLION, styled

# --- core
card = ".model nch NMOS(LEVEL=1 VTO=0.4 KP=100u LAMBDA=0.02 IS=1e-16)"
transistor = {"use_mos": True, "model": {"card": card, "width": 20e-6, "length": 1e-6}, "bias": 0.0}
initializer = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})

xp = InputVoltageLayer(units=2, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
d1 = DenseLayer(units=10, name="d1", initializer=initializer)(ConcatenateLayer("j1")([xp, xn, b1]))
a2 = DiodeLayer("up", direction="up", **transistor)(DiodeLayer("down", direction="down", **transistor)(d1))
g1 = AmplificationLayer(name="g1", param={"gain": 4, "shift": 0})(a2)
b2 = BiasVoltageLayer(units=2, name="b2", bias=[1.0, -1.0])
d2 = DenseLayer(units=2, name="d2", initializer=initializer)(ConcatenateLayer("j2")([g1, b2]))
outputs = [CurrentLayer("xor")(d2)]
model = Model(inputs=[xp, b1, b2], outputs=outputs, name="xor with transistors")
# --- end of core

gates = datasets.load("gates")
x, y = gates.x_train, gates.y_train["xor"]
model.fit(x, y, epochs=200, batch_size=4, optimizer=optimizers.Adam(lr=5e-7, schedule="cosine"))
volts = model.predict(x)
print(
    "xor:", {f"{a:+.0f} V, {b:+.0f} V": round(float(o), 2) for (a, b), o in zip(x, volts[:, 0], strict=True)}
)
print(model.evaluate(x, y))

found, message = available()
if found:
    print(check_device(MosDiode.resolve(transistor["model"])))
    model.engine = "ngspice"
    print(f"largest difference to ngspice: {np.abs(model.predict(x) - volts).max():.1e} V")

    # The same nonlinearity as a block of SPICE text: both transistors of a node, in three lines.
    block = f"""
    .subckt pair node
    M1 node node 0 0 nch W=20u L=1u
    M2 0 0 node node nch W=20u L=1u
    .ends pair
    {card}
    """
    h = SubcircuitLayer(block, "pair")(DenseLayer(10, "d1")(ConcatenateLayer("k1")([xp, xn, b1])))
    k2 = ConcatenateLayer("k2")([AmplificationLayer(4, "g1")(h), b2])
    blocks = Model([xp, b1, b2], CurrentLayer("xor")(DenseLayer(2, "d2")(k2)), engine="ngspice")
    blocks.set_values({name: model.values[name] for name in ("d1/conductance", "d2/conductance")})
    print(f"as a SPICE subcircuit: {np.abs(blocks.predict(x) - volts).max():.1e} V")
else:
    print("ngspice is not here:", message)

dv = np.linspace(-0.65, 0.65, 201)  # volts at a hidden node; the second transistor is turned round
law = MosDiode.resolve(transistor["model"])
out, into = 1e6 * np.asarray(law.current(dv, {})), -1e6 * np.asarray(law.current(-dv, {}))
with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(dv, out + into, color=BLUE, label="both")
    axes.plot(dv, out, "--", color=VERMILLION, label="the one that conducts out of the node")
    axes.plot(dv, into, ":", color=GREEN, label="the one that conducts into it")
    axes.set(
        xlabel="voltage of the node (V)", ylabel="current (µA)", title="Two transistors limit a node softly"
    )
    axes.legend()
