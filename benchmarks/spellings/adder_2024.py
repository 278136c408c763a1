"""A full adder, in the spelling of 2024: parameters as dictionaries, options of training as Metrics."""

import numpy as np

import ebana.losses as losses
import ebana.metrics as metrics
import ebana.optimizers as optimizers
from ebana import (
    AmplificationLayer,
    BatchGenerator,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    generate_voltage_values,
)


def train(epochs=10):
    bits = np.array(generate_voltage_values(values=[-0.5, 0.5], count=3))
    ones = (bits > 0).sum(axis=1)
    dataset = {
        "inputs": {"xp": bits, "xn": -bits},
        "outputs": {"sum": (ones % 2)[:, None] - 0.5, "carry": (ones >= 2)[:, None] - 0.5},
    }
    train_dataloader = BatchGenerator(dataset, 8)
    test_dataloader = BatchGenerator(dataset, 8, shuffle=True)

    start = Initializers(init_type="glorot", params={"L": 1e-7, "U": 8e-6, "g_max": 2e-5, "g_min": 1e-7})
    diode = {"VTH": 0.1, "RON": 1.0}
    amplifier = {"shift": 0, "gain": 4}
    beta = 1e-6

    xp = InputVoltageLayer(units=3, name="xp")
    xn = InputVoltageLayer(units=3, name="xn")
    up = BiasVoltageLayer(units=1, name="up", bias_voltage=np.array([0]) + 1)
    rows = ConcatenateLayer(name="rows")([xp, xn, up])
    hidden = DenseLayer(units=6, lr=4e-8, name="hidden", initializer=start, trainable=True)(rows)
    down = DiodeLayer(
        name="down",
        direction="down",
        bias_voltage=np.zeros(6),
        trainable=False,
        kind="behavioral",
        param=diode,
    )(hidden)
    both = DiodeLayer(
        name="both", direction="up", bias_voltage=np.zeros(6), trainable=False, kind="behavioral", param=diode
    )(down)
    louder = AmplificationLayer(name="louder", param=amplifier)(both)
    outputs = []
    for name in ("sum", "carry"):
        last = DenseLayer(units=2, lr=4e-8, name=f"to_{name}", initializer=start, trainable=True)(louder)
        outputs.append(CurrentLayer(name=name)(last))
    model = Model(inputs=[xp, xn, up], outputs=outputs)

    optimizer = optimizers.Adam(model, beta=beta)
    options = metrics.Metrics(model, verbose=False, validate_every={"epoch_num": 5})
    loss_fn = losses.MSE(output_midpoint=0.0)
    model.fit(
        train_dataloader=train_dataloader,
        beta=beta,
        epochs=epochs,
        loss_fn=loss_fn,
        optimizer=optimizer,
        test_dataloader=test_dataloader,
        metrics=options,
    )
    optimizer.save_state("adder_optimizer.pickle")
    model.save_history("adder_history.pickle")
    return model, {"evaluation": model.evaluate(dataset, loss_fn=loss_fn)}
