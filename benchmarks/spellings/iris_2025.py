"""Iris in the spelling of 2025: activations of the outputs, rules of learning, what Metrics saves, the accumulator."""

import numpy as np
from sklearn.datasets import load_iris

import ebana.losses as losses
import ebana.optimizers as optimizers
from ebana import (
    AmplificationLayer,
    BatchGenerator,
    ConcatenateLayer,
    CurrentNudgingLayer,
    DataSet,
    DCVoltageLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    Model,
)
from ebana.metrics import Metrics

RULES = {
    "squares": lambda free, nudge: nudge**2 - free**2,
    "powers": lambda free, nudge: np.abs(nudge) ** 2.8 - np.abs(free) ** 2.8,
    "product": lambda free, nudge: 2 * free * (nudge - free),
    "signs": lambda free, nudge: np.where(free > 0.05, 1.0, np.where(free < -0.05, -1.0, 0)) * (nudge - free),
}
OPTIONS = {"loss": "mse", "activation": "", "rule": "squares", "optimizer": "adam", "epochs": 3, "rate": 1e-8}


def flowers(middle, scale=0.6):
    """Features between two voltages around the middle, the inverse ones, and one output a species."""
    iris = load_iris()
    x = iris["data"]
    x = scale * (2 * (x - x.min(axis=0)) / np.ptp(x, axis=0) - 1)
    species = np.eye(3)[iris["target"]]
    order = np.random.RandomState(0).permutation(len(x))
    x, species = x[order], species[order]
    return (
        DataSet(inputs={"xp": middle + x[:105], "xn": middle - x[:105]}, outputs={"c1": species[:105]}),
        DataSet(inputs={"xp": middle + x[105:], "xn": middle - x[105:]}, outputs={"c1": species[105:]}),
    )


def train(arg_dict):
    args = OPTIONS | arg_dict
    middle, beta = 0.6, 1e-7
    train_dataset, test_dataset = flowers(middle)
    train_dataloader = BatchGenerator(train_dataset, 35)
    test_dataloader = BatchGenerator(test_dataset, 45)

    start = Initializers(
        init_type="glorot_uniform",
        params={"init_low": 1e-7, "init_high": 1e-5, "clip_low": 1e-7, "clip_high": 1e-5},
    )
    diode = {"VTH": 0.15, "RON": 1.0, "ROFF": 1e20}
    rule = RULES[args["rule"]]

    if args["loss"] == "crossentropy":
        loss_fn = losses.CrossEntropyLoss(beta=beta)
    elif args["loss"] == "mseprob":
        loss_fn = losses.MSEProb(beta=beta)
    else:
        loss_fn = losses.MSE(beta=beta, output_midpoint=0.5)

    xp = DCVoltageLayer(units=4, name="xp")
    xn = DCVoltageLayer(units=4, name="xn")
    high = DCVoltageLayer(units=1, name="high", input_voltages=middle + 0.3)
    low = DCVoltageLayer(units=1, name="low", input_voltages=middle - 0.3)
    rows = ConcatenateLayer(name="rows")([xp, xn, high, low])
    d1 = DenseLayer(units=6, lr=args["rate"], name="d1", initializer=start, trainable=True, grad_func=rule)(
        rows
    )
    down = DiodeLayer(
        name="down",
        direction="down",
        bias_voltage=middle,
        kind="behavioral",
        param=diode,
        lr=0,
        trainable=False,
    )(d1)
    up = DiodeLayer(
        name="up", direction="up", bias_voltage=-middle, kind="behavioral", param=diode, lr=0, trainable=False
    )(down)
    amplified = AmplificationLayer(name="amplified", param={"shift": middle, "gain": 4})(up)
    d2 = DenseLayer(units=6, lr=args["rate"], name="d2", initializer=start, trainable=True, grad_func=rule)(
        amplified
    )
    c1 = CurrentNudgingLayer(name="c1", fold=True, activation=args["activation"])(d2)
    model = Model(inputs=[xp, xn, high, low], outputs=[c1], n_processes_train=4, n_processes_test=4)

    rules = {"adam": optimizers.Adam, "sgd": optimizers.SGD}
    optimizer = rules[args["optimizer"]](model, beta=beta)
    metrics = Metrics(
        model,
        verbose=False,
        save_phase_data=True,
        save_batch_data=True,
        save_injected_currents=True,
        validate_every={"epoch_num": 1},
    )
    model.write_netlist(train_dataloader, "iris.sp")
    model.fit(
        train_dataloader=train_dataloader,
        epochs=args["epochs"],
        loss_fn=loss_fn,
        optimizer=optimizer,
        test_dataloader=test_dataloader,
        metrics=metrics,
    )
    optimizer.save_state("iris_optimizer.pickle")
    model.save_history("iris_history.pickle")
    optimizer.load_state("iris_optimizer.pickle")
    volts, predictions = model.predict(test_dataset, loss_fn=loss_fn)
    return model, {
        "accuracy": model.accumulator.get_test_accuracy(),
        "loss": model.accumulator.get_training_loss(),
        "currents": model.accumulator.injected_currents,
        "data": model.accumulator.get_data(),
        "evaluation": model.evaluate(test_dataset, loss_fn=loss_fn),
        "volts": volts,
        "predictions": predictions,
    }
