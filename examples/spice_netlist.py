"""A trained circuit held against SPICE
====================================

Export the deck, run it, compare.

The deck needs nothing of this package: any ngspice runs it with ``ngspice -b deck.cir``.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

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
    datasets,
    optimizers,
)
from ebana.engines.ngspice import available
from ebana.reports.style import BLUE, VERMILLION, styled

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=None, help="folder for the deck (default: a temporary one)")
out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="ebana-netlist-"))
out.mkdir(parents=True, exist_ok=True)

xor = datasets.load("xor")
init = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
diode = {"kind": "behavioral", "param": {"VTH": 0.3, "RON": 1.0}}
xp = InputVoltageLayer(units=2, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
bias = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
h = DenseLayer(units=6, name="hidden", initializer=init)(ConcatenateLayer("j1")([xp, xn, bias]))
h = DiodeLayer("lower", "up", **diode)(DiodeLayer("upper", "down", **diode)(h))
h = AmplificationLayer(gain=4, name="amp")(h)
d2 = DenseLayer(units=2, name="out", initializer=init)(ConcatenateLayer("j2")([h, bias]))
model = Model([xp, bias], CurrentLayer("y")(d2), name="xor")
model.fit(xor.x_train, xor.y_train, epochs=300, batch_size=4, optimizer=optimizers.Adam(lr=5e-7))

deck = out / "xor.cir"
text = model.netlist(xor.x_train, sample=1, path=deck)  # the second sample: -2 V and 2 V
print(f"{deck}: {len(text.splitlines())} lines, of which the first:")
print("\n".join(text.splitlines()[:12]))

y = float(model.predict(xor.x_train)[1, 0])
print(f"\nbuilt-in engine: y = {y:.12f} V")
if shutil.which("ngspice"):
    printed = subprocess.run(["ngspice", "-b", deck], capture_output=True, text=True, check=True).stdout
    v = {k: float(n) for k, n in re.findall(r"^(out_\d) = (\S+)", printed, re.MULTILINE)}
    print(f"ngspice -b:      y = {v['out_0'] - v['out_1']:.12f} V")
else:
    print("ngspice is not installed here, so the deck was not run (Debian, Ubuntu: apt-get install ngspice)")

curves = {}
for engine in ("native", "ngspice") if available()[0] else ("native",):
    model.engine = engine
    for held in (-2.0, 2.0):
        curves[engine, held] = model.sweep("xp[0]", -3, 3, points=25, at={"xp[1]": held})
with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (engine, held), sweep in curves.items():
        color, line = (
            (BLUE if held < 0 else VERMILLION),
            ("-" if engine == "native" else "o" if held < 0 else "s"),
        )
        label = f"{'built-in engine' if engine == 'native' else engine}, second input {held:+.0f} V"
        axes.plot(sweep.values, sweep.outputs["y"][:, 0], line, color=color, markersize=4, label=label)
    axes.set(xlabel="first input (V)", ylabel="output (V)", title="Xor, by two engines")
    figure.legend(loc="outside lower center", ncols=2)
