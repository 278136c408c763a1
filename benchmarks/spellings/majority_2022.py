"""Two of three bits, in the spelling of 2022: transistors as diodes, a beta and a schedule of validation for fit."""

import numpy as np

import ebana.losses as losses
import ebana.optimizers as optimizers
from ebana import (
    AmplificationLayer,
    BatchGenerator,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
)


def train(epochs=10, card="nmos.inc"):
    bits = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    majority = (bits.sum(axis=1, keepdims=True) > 0).astype(float)
    dataset = {"inputs": {"plus": bits, "minus": -bits}, "outputs": {"most": majority}}
    train_dataloader = BatchGenerator(dataset, 4)
    test_dataloader = BatchGenerator(dataset, 8)

    transistor = {"path": card, "model_name": "N1", "length": 1e-6, "width": 1e-5}
    levels = np.full(4, 0.1)

    plus = InputVoltageLayer(units=3, name="plus", trainable=False)
    minus = InputVoltageLayer(units=3, name="minus", trainable=False)
    one = BiasVoltageLayer(units=1, name="one", bias_voltage=np.array([1.0]), trainable=False)
    rows = ConcatenateLayer(name="rows")([plus, minus, one])
    first = DenseLayer(units=4, lr=1e-4, name="first", init_type="glorot", trainable=True)(rows)
    low = DiodeLayer(
        name="low", direction="down", bias_voltage=levels, trainable=False, use_mos=True, model=transistor
    )(first)
    high = DiodeLayer(
        name="high", direction="up", bias_voltage=-levels, trainable=False, use_mos=True, model=transistor
    )(low)
    louder = AmplificationLayer(gain=4, name="louder")(high)
    last = DenseLayer(units=2, lr=1e-4, name="last", init_type="glorot", trainable=True)(louder)
    most = CurrentLayer(name="most")(last)
    model = Model(inputs=[plus, minus, one], outputs=[most])

    loss_fn = losses.MSE()
    model.fit(
        train_dataloader,
        beta=0.001,
        epochs=epochs,
        loss_fn=loss_fn,
        optimizer=optimizers.Adam(model),
        test_dataloader=test_dataloader,
        validate_every={"epoch_num": 5},
    )
    model.save_history("majority_history.pickle")
    return model, {"evaluation": model.evaluate(dataset, loss_fn=loss_fn)}
