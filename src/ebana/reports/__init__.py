"""Figures of a training run, drawings of the model and its circuit, and a report in one HTML file."""

from ebana.reports.devices import device_curves
from ebana.reports.drawing import draw_model
from ebana.reports.figures import conductances, loss_and_accuracy
from ebana.reports.power import power_chart
from ebana.reports.rendering import animation, png, save
from ebana.reports.report import write_report
from ebana.reports.schematic import CircuitTooLarge, draw_circuit
from ebana.reports.sections import Image, Section, Table
from ebana.reports.wires import voltage_drop_map

__all__ = [
    "CircuitTooLarge",
    "Image",
    "Section",
    "Table",
    "animation",
    "conductances",
    "device_curves",
    "draw_circuit",
    "draw_model",
    "loss_and_accuracy",
    "png",
    "power_chart",
    "save",
    "voltage_drop_map",
    "write_report",
]
