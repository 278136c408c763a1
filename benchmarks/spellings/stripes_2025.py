"""Stripes in small images, in the spelling of 2025: windows of an image, learning rates with a schedule."""

import numpy as np

import ebana.losses as losses
import ebana.optimizers as optimizers
from ebana import (
    AmplificationLayer,
    BatchGenerator,
    CurrentNudgingLayer,
    DataSet,
    DCVoltageLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    LocallyConnected2DLayer,
    Model,
    ReshapeLayer,
    StackLayer,
)
from ebana.metrics import Metrics
from ebana.schedules import CosineDecay


def train(epochs=3):
    rng = np.random.RandomState(1)
    lying = np.repeat(rng.uniform(-1, 1, (12, 6, 1)), 6, axis=2)
    standing = np.repeat(rng.uniform(-1, 1, (12, 1, 6)), 6, axis=1)
    images = np.concatenate([lying, standing]).reshape(24, 36)
    kinds = np.eye(2)[[0] * 12 + [1] * 12]
    dataset = DataSet(inputs={"xp": images, "xn": -images}, outputs={"c1": kinds})
    train_dataloader = BatchGenerator(dataset, 12)

    start = Initializers(
        init_type="glorot_uniform",
        params={"init_low": 1e-7, "init_high": 1e-5, "clip_low": 1e-7, "clip_high": 1e-5},
    )
    diode = {"VTH": 0.15, "RON": 1.0, "ROFF": 1e20}
    rate = CosineDecay(initial_learning_rate=1e-7, decay_steps=2 * epochs, alpha=0.1)
    beta = 1e-6

    xp = DCVoltageLayer(units=36, name="xp")
    image = ReshapeLayer(name="image", shape=(6, 6))(xp)
    xn = DCVoltageLayer(units=36, name="xn")
    inverse = ReshapeLayer(name="inverse", shape=(6, 6))(xn)
    stack = StackLayer(name="stack", axis=-1)([image, inverse])
    windows = LocallyConnected2DLayer(
        name="windows",
        kernel_size=(3, 3),
        stride=(3, 3),
        padding="valid",
        filters=2,
        initializer=start,
        lr=rate,
        trainable=True,
    )(stack)
    down = DiodeLayer(name="down", direction="down", bias_voltage=0.3, kind="behavioral", param=diode)(
        windows
    )
    up = DiodeLayer(name="up", direction="up", bias_voltage=0.3, kind="behavioral", param=diode)(down)
    amplified = AmplificationLayer(name="amplified", param={"shift": 0.0, "gain": 10})(up)
    flat = ReshapeLayer(name="flat", shape=(-1,))(amplified)
    last = DenseLayer(units=4, lr=rate, name="last", initializer=start, trainable=True)(flat)
    c1 = CurrentNudgingLayer(name="c1", fold=True, activation="softmax")(last)
    model = Model(inputs=[xp, xn], outputs=[c1], n_processes_train=40, n_processes_test=40)

    optimizer = optimizers.Adam(model, beta=beta, gamma_v=0.5, gamma_s=0.5)
    metrics = Metrics(
        model,
        verbose=False,
        save_phase_data=False,
        save_batch_data=False,
        save_injected_currents=False,
        validate_every={"epoch_num": 1},
    )
    model.fit(
        train_dataloader=train_dataloader,
        epochs=epochs,
        loss_fn=losses.CrossEntropyLoss(beta=beta),
        optimizer=optimizer,
        test_dataloader=BatchGenerator(dataset, 24),
        metrics=metrics,
    )
    return model, {
        "accuracy": model.accumulator.get_test_accuracy(),
        "loss": model.accumulator.get_training_loss(),
    }
