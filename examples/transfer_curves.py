"""Transfer curves of a deck
=========================

A deck of SPICE becomes a circuit, and a circuit can be swept and heated: here a clipper of two diodes,
between the corners of a data sheet. Every point is an operating point of its own, with an error estimate.
"""

from matplotlib.figure import Figure

from ebana import Model, from_netlist
from ebana.reports.style import LINES, styled

deck = """clipper
VIN in 0 0
R1 in out 10k
D1 out 0 DMOD
D2 0 out DMOD
RL out 0 100k
.model DMOD D(IS=2.5n N=1.75 RS=0.6 EG=1.11 XTI=3)
.end
"""
model = Model.from_circuit(from_netlist(deck, inputs=["VIN"], outputs=["out"]), name="clipper")

sweeps = {celsius: model.at_temperature(celsius).sweep("vin", -2, 2, points=81) for celsius in (-40, 27, 125)}
for celsius, sweep in sweeps.items():
    print(f"{celsius:4d} C: {1000 * sweep['out'][-1]:.1f} mV at 2 V")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (celsius, sweep), line in zip(sweeps.items(), LINES, strict=False):
        axes.plot(sweep.values, 1000 * sweep["out"], linestyle=line, label=f"{celsius} °C")
    axes.set(xlabel="input (V)", ylabel="output (mV)", title="A clipper of two diodes")
    axes.legend()
