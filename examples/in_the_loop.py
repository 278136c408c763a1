"""Designed fast, fine-tuned in SPICE
==================================

Train Iris on the built-in solver, then in SPICE with real diodes.

1. A network with idealised diodes is trained on the built-in solver, in seconds.
2. Its conductances are moved to the same network with the model of a real diode (a 1N4148), solved by SPICE:
   accuracy suffers, because the diodes conduct at other voltages.
3. A few epochs of equilibrium propagation in SPICE, whose phases two worker processes share, win it back.
4. For comparison the network is trained wholly in SPICE.

Every number goes into a report.
"""

import argparse
import tempfile
from pathlib import Path

from ebana import optimizers, recipes
from ebana.analysis import fine_tune
from ebana.engines.spice import ENGINES
from ebana.reports import loss_and_accuracy, write_report
from ebana.spice.simulators.session import available
from ebana.summary import layer_rows

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=None, help="folder for the report (default: a temporary one)")
parser.add_argument("--epochs", type=int, default=10, help="epochs of fine-tuning in SPICE")
parser.add_argument("--spice-epochs", type=int, default=30, help="epochs of training wholly in SPICE")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
out = options.out or Path(tempfile.mkdtemp(prefix="ebana-in-the-loop-"))

DIODE = {"model": "1N4148"}
iris = recipes.get("iris")
split = iris.data(options.seed)
train, test = iris.dataset(split.x_train, split.y_train), iris.dataset(split.x_test, split.y_test)
loss = iris.make_loss()

design = iris.build(options.seed)
design.fit(train, verbose=False, **iris.fit_options(options.seed))

simulator = next((name for name in ("ngspice", "neospice") if available(name)[0]), None)
if simulator is None:
    print("no SPICE here:", available("ngspice")[1], available("neospice")[1])
    raise SystemExit
engine = ENGINES[simulator](workers=2)


def in_spice(epochs, lr):
    """Arguments of fit for training in SPICE: batches of 35, so that three updates make an epoch."""
    adam = optimizers.Adam(lr=lr, schedule="cosine")
    return {"epochs": epochs, "batch_size": 35, "beta": iris.beta, "optimizer": adam, "verbose": False}


tuned = iris.build(options.seed, engine, DIODE)
moved = fine_tune(design, tuned, train, test, loss_fn=loss, **in_spice(options.epochs, 5e-8))
print(moved)

scratch = iris.build(options.seed, engine, DIODE)
first = scratch.evaluate(test, loss_fn=loss)
history = scratch.fit(train, loss_fn=loss, validation_data=test, **in_spice(options.spice_epochs, 4e-7))
last = scratch.evaluate(test, loss_fn=loss)
print(f"wholly in {simulator}: before {first}; after {options.spice_epochs} epochs {last}")
engine.close()

report = write_report(
    out,
    title="Iris in the loop",
    summary={
        "test_accuracy": moved.after.accuracy,
        **moved.to_dict(),
        "wholly_in_spice_before_accuracy": first.accuracy,
        "wholly_in_spice_after_accuracy": last.accuracy,
        "wholly_in_spice_before_loss": first.loss,
        "wholly_in_spice_after_loss": last.loss,
    },
    configuration={"seed": options.seed, "simulator": simulator, "diode": DIODE["model"], **iris.to_dict()},
    layers_table=layer_rows(tuned),
    figures={"loss_and_accuracy": loss_and_accuracy(history, loss_unit="V²"), "model": tuned.plot()},
    netlist_text=tuned.netlist(test),
    notes=["The design's test data were used for no choice; they only measure."],
)
print(f"report: {report}")
figure = loss_and_accuracy(history, loss_unit="V²")  # wholly in SPICE
