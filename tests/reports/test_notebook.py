"""In a notebook: bars that move, figures as figures, texts as lines."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = (
    """
import numpy as np
from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model
from ebana.reports import loss_and_accuracy, power_chart
x = InputVoltageLayer(2, "x")
model = Model(x, CurrentLayer("y")(DenseLayer(2, "d")(x)), name="little")
volts = np.array([[1.0, -0.5], [0.25, 0.75]])
history = model.fit(volts, [[0.1], [-0.1]], epochs=3)
""",
    "model.summary()",
    "loss_and_accuracy(history)",
    "model.plot()",
    "model.draw()",
    "model.netlist(volts)",
    "power = model.power(volts); power",
    "power_chart(power)",
    "model",
    "history.plot()",
    "history",
    "model.evaluate(volts, [[0.1], [-0.1]])",
)


@pytest.fixture(scope="module")
def outputs():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def only(outputs):
    (output,) = outputs
    return output.data


def test_training_shows_its_bar_at_its_end(outputs):
    (shown,) = [o for o in outputs[0] if o.output_type == "display_data"]
    assert "epoch 3/3" in shown.data["text/plain"]
    assert "loss" in shown.data["text/plain"]
    assert "<progress" in shown.data["text/html"]


def test_the_summary_is_shown_once(outputs):
    (shown,) = outputs[1]
    assert (shown.output_type, shown.name) == ("stream", "stdout")
    assert shown.text.startswith("Model 'little'")
    assert "dense" in shown.text


@pytest.mark.parametrize("cell", [2, 3, 7])
def test_figures_are_drawn(outputs, cell):
    assert only(outputs[cell])["image/png"].startswith("iVBOR")


def test_a_schematic_is_drawn(outputs):
    assert only(outputs[4])["image/svg+xml"].startswith("<svg")


def test_texts_are_lines(outputs):
    assert only(outputs[5])["text/plain"].splitlines()[0] == "* little"
    assert len(only(outputs[6])["text/plain"].splitlines()) > 3


def test_a_model_tells_what_it_is(outputs):
    assert only(outputs[8])["text/plain"] == (
        "Model('little': 4 nodes, 4 trainable values; inputs x, outputs y, engine native)"
    )


def test_a_history_is_drawn_by_itself(outputs):
    assert only(outputs[9])["image/png"].startswith("iVBOR")


@pytest.mark.parametrize(("cell", "caption"), [(6, "Phases"), (8, "Layers"), (10, "Curves over 3 epochs")])
def test_results_are_tables(outputs, cell, caption):
    assert f">{caption}</caption>" in only(outputs[cell])["text/html"]


def test_where_texts_are_shown_they_are_what_is_printed(outputs):
    assert only(outputs[11])["text/plain"].startswith("loss ")
