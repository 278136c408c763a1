"""Names that others use: programs in the EBANA framework's spellings of 2022, 2024 and 2025, and names of Keras.

A program must give the numbers of the same model in our own spelling, and those of the published arithmetic written
in NumPy; a name must mean what ours means, or the error must say what to write.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import ebana
from benchmarks.faults import Count
from benchmarks.spellings import adder_2024, iris_2025, majority_2022, stripes_2025
from ebana import callbacks, losses, optimizers, schedules
from ebana.learning.optimizers import KERAS as OF_OPTIMIZERS
from ebana.network import EBANA as OF_MODELS
from ebana.network import KERAS as OF_NETWORKS
from ebana.training.fit import EBANA as OF_FIT
from ebana.training.fit import KERAS as OF_KERAS_FIT

CARD = ".model N1 NMOS(LEVEL=1 VTO=0.3 KP=1)"
VARIANTS: dict[str, dict[str, Any]] = {
    "squares": {},
    "squares by SGD": {"optimizer": "sgd", "rate": 1e-12},
    "powers behind a softmax": {"loss": "crossentropy", "activation": "softmax", "rule": "powers"},
    "probabilities behind a softmax": {
        "loss": "mseprob", "activation": "softmax", "rule": "product", "optimizer": "sgd", "rate": 1e-12,
    },
    "probabilities behind a sparsemax": {"loss": "mseprob", "activation": "sparsemax", "rule": "signs"},
    "entropy behind a sparsemax": {
        "loss": "crossentropy", "activation": "sparsemax", "rule": "squares", "optimizer": "sgd", "rate": 1e-12,
    },
}  # fmt: skip
"""Of the program of 2025."""

Results = Mapping[str, Any]


@contextlib.contextmanager
def quietly() -> Iterator[Path]:
    """An empty folder to run a program in, without what it prints."""
    with tempfile.TemporaryDirectory(prefix="names-") as folder, contextlib.chdir(folder):
        Path("nmos.inc").write_text(CARD + "\n")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield Path(folder)


# -- the same models in our own spelling --------------------------------------------------------------


def interval(low: float, high: float, least: float, most: float) -> ebana.Initializers:
    """The rule that all programs start from."""
    return ebana.Initializers("glorot", {"L": low, "U": high, "g_min": least, "g_max": most})


def majority(epochs: int = 10) -> ebana.Model:
    """That of 2022."""
    bits = np.array(ebana.generate_voltage_values(values=[-1.0, 1.0], count=3))
    plus, minus = ebana.InputVoltageLayer(3, "plus"), ebana.InputVoltageLayer(3, "minus")
    one = ebana.BiasVoltageLayer(1, "one", 1.0)
    device = ebana.MosDiode.from_card(CARD, length=1e-6, width=1e-5)
    first = ebana.DenseLayer(4, "first", lr=1e-4, init_type="glorot")
    shunt = first(ebana.ConcatenateLayer("rows")([plus, minus, one]))
    for name, direction, level in (("low", "down", 0.1), ("high", "up", -0.1)):
        shunt = ebana.DiodeLayer(name, direction, np.full(4, level), model=device)(shunt)
    last = ebana.DenseLayer(2, "last", lr=1e-4, init_type="glorot")(
        ebana.AmplificationLayer(4, "louder")(shunt)
    )
    model = ebana.Model([plus, minus, one], ebana.CurrentLayer("most")(last))
    target = (bits.sum(1) > 0).astype(float)
    model.fit(
        {"plus": bits, "minus": -bits}, target, batch_size=4, shuffle=False, beta=1e-3, epochs=epochs,
        verbose=False, validation_data=({"plus": bits, "minus": -bits}, target), validate_every=5,
    )  # fmt: skip
    return model


def adder(epochs: int = 10) -> ebana.Model:
    """That of 2024."""
    bits = np.array(ebana.generate_voltage_values(values=[-0.5, 0.5], count=3))
    ones = (bits > 0).sum(1)
    start = interval(1e-7, 8e-6, 1e-7, 2e-5)
    xp, xn = ebana.InputVoltageLayer(3, "xp"), ebana.InputVoltageLayer(3, "xn")
    up = ebana.BiasVoltageLayer(1, "up", 1.0)
    hidden = ebana.DenseLayer(6, "hidden", 4e-8, initializer=start)(
        ebana.ConcatenateLayer("rows")([xp, xn, up])
    )
    device = ebana.BehavioralDiode(0.1, 1.0)
    down = ebana.DiodeLayer("down", "down", np.zeros(6), model=device)(hidden)
    both = ebana.DiodeLayer("both", "up", np.zeros(6), model=device)(down)
    louder = ebana.AmplificationLayer(4, "louder")(both)
    outputs = [
        ebana.CurrentLayer(name)(ebana.DenseLayer(2, f"to_{name}", 4e-8, initializer=start)(louder))
        for name in ("sum", "carry")
    ]
    model = ebana.Model([xp, xn, up], outputs)
    target = {"sum": ones % 2 - 0.5, "carry": (ones >= 2) - 0.5}
    data = ebana.Dataset({"xp": bits, "xn": -bits}, target)
    model.fit(
        data, batch_size=8, shuffle=False, beta=1e-6, epochs=epochs, loss_fn=losses.MSE(output_midpoint=0.0),
        validation_data=data, validate_every=5, verbose=False,
    )  # fmt: skip
    return model


def iris(options: Mapping[str, Any]) -> ebana.Model:
    """That of 2025, in a variant."""
    args = iris_2025.OPTIONS | dict(options)
    train, test = iris_2025.flowers(0.6)
    start, rate, rule = interval(1e-7, 1e-5, 1e-7, 1e-5), args["rate"], iris_2025.RULES[args["rule"]]
    xp, xn = ebana.InputVoltageLayer(4, "xp"), ebana.InputVoltageLayer(4, "xn")
    high, low = ebana.BiasVoltageLayer(1, "high", 0.6 + 0.3), ebana.BiasVoltageLayer(1, "low", 0.6 - 0.3)
    rows = ebana.ConcatenateLayer("rows")([xp, xn, high, low])
    d1 = ebana.DenseLayer(6, "d1", rate, initializer=start, grad_func=rule)(rows)
    device = ebana.BehavioralDiode(vth=0.15, ron=1.0, roff=1e20)
    up = ebana.DiodeLayer("up", "up", -0.6, model=device)(
        ebana.DiodeLayer("down", "down", 0.6, model=device)(d1)
    )
    amplified = ebana.AmplificationLayer(4, "amplified", 0.6)(up)
    d2 = ebana.DenseLayer(6, "d2", rate, initializer=start, grad_func=rule)(amplified)
    output = ebana.CurrentLayer("c1", activation=args["activation"] or None)(d2)
    model = ebana.Model([xp, xn, high, low], output)
    model.fit(
        train, batch_size=35, shuffle=False, beta=1e-7, epochs=args["epochs"], validation_data=test,
        loss_fn={"mse": "mse", "mseprob": "mse_prob", "crossentropy": "cross_entropy"}[args["loss"]],
        optimizer=args["optimizer"], verbose=False,
        callbacks=[callbacks.Record(phases=True)],  # the same compiled step as theirs
    )  # fmt: skip
    return model


def stripes(epochs: int = 3) -> ebana.Model:
    """The second one of 2025."""
    rng = np.random.RandomState(1)
    lying, standing = rng.uniform(-1, 1, (12, 6, 1)), rng.uniform(-1, 1, (12, 1, 6))
    images = np.stack([np.broadcast_to(one, (6, 6)).ravel() for one in [*lying, *standing]])
    start = interval(1e-7, 1e-5, 1e-7, 1e-5)
    rate = schedules.Scheduled(1e-7, schedules.Cosine(steps=2 * epochs, final=0.1))
    xp, xn = ebana.InputVoltageLayer(36, "xp"), ebana.InputVoltageLayer(36, "xn")
    both = [ebana.ReshapeLayer(n, (6, 6))(x) for n, x in (("image", xp), ("inverse", xn))]
    stack = ebana.StackLayer("stack", axis=-1)(both)
    windows = ebana.LocallyConnected2DLayer(2, 3, 3, name="windows", lr=rate, initializer=start)(stack)
    device = ebana.BehavioralDiode(0.15, 1.0, 1e20)
    down = ebana.DiodeLayer("down", "down", 0.3, model=device)(windows)
    up = ebana.DiodeLayer("up", "up", 0.3, model=device)(down)
    flat = ebana.ReshapeLayer("flat", -1)(ebana.AmplificationLayer(10, "amplified")(up))
    last = ebana.DenseLayer(4, "last", rate, initializer=start)(flat)
    model = ebana.Model([xp, xn], ebana.CurrentLayer("c1")(last))
    data = ({"xp": images, "xn": -images}, [0] * 12 + [1] * 12)
    model.fit(
        *data, batch_size=12, shuffle=False, beta=1e-6, epochs=epochs, loss_fn="cross_entropy",
        optimizer=optimizers.Adam(b1=0.5, b2=0.5), validation_data=data, verbose=False,
    )  # fmt: skip
    return model


def differs(theirs: ebana.Model, ours: ebana.Model) -> str:
    """In what the two runs differ by more than rounding; nothing where they are the same."""
    found = []
    for name, value in ours.values.items():
        if not np.allclose(theirs.values[name], value, rtol=1e-9, atol=0):
            found.append(name)
    for name, curve in ours.history.history.items():
        if name == "seconds":
            continue
        if not np.allclose(theirs.history.history.get(name, np.nan), curve, rtol=1e-9, equal_nan=True):
            found.append(name)
    return ", ".join(found)


def programs(quick: bool = False) -> Iterator[tuple[str, str]]:
    """Name of each program, and in what it differs from our own spelling."""
    makers: list[tuple[str, Callable[[], Any], Callable[[], ebana.Model]]] = [
        ("2022", majority_2022.train, majority),
        ("2024", adder_2024.train, adder),
        ("2025, images", stripes_2025.train, stripes),
    ]
    for name, theirs, ours in makers:
        with quietly():
            yield name, differs(theirs()[0], ours())
    for name, options in list(VARIANTS.items())[: 3 if quick else None]:
        with quietly():
            model, results = iris_2025.train(options)
            wrong = [differs(model, iris(options)), *(w for _, w in batches(model, results, options) if w)]
            yield f"2025, {name}", "; ".join(filter(None, wrong))


# -- the published arithmetic ------------------------------------------------------------------------


def activated(name: str, y: np.ndarray) -> np.ndarray:
    """Predictions of output volts, ``(B, units)``."""
    if name == "softmax":
        return np.exp(y) / np.exp(y).sum(1, keepdims=True)
    if name == "sparsemax":
        low, high = y.min(1, keepdims=True) - 1, y.max(1, keepdims=True)
        for _ in range(200):  # the threshold by bisection
            middle = (low + high) / 2
            above = np.maximum(y - middle, 0).sum(1, keepdims=True) > 1
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.maximum(y - high, 0)
    return y


def batches(model: ebana.Model, results: Results, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each batch of the program of 2025, and what of it is not as NumPy finds it from the recorded potentials.

    The current into a pair of nodes is ``-beta (prediction - target)``, the loss the sum over units and samples, and
    by SGD a conductance moves by ``-lr sum f(free, nudge) / (beta B)``; of the two nudges half the difference.
    """
    args = iris_2025.OPTIONS | dict(options)
    data, beta, rule = results["data"], 1e-7, iris_2025.RULES[args["rule"]]
    targets = iris_2025.flowers(0.6)[0].outputs["c1"]
    steps = [(epoch, batch) for epoch in range(args["epochs"]) for batch in range(3)]
    losses_of = dict.fromkeys(range(args["epochs"]), 0.0)
    for at, (epoch, batch) in enumerate(steps):
        wrong = []
        ends = {
            layer: {side: data[layer]["voltages"][side][epoch][batch] for side in ("input", "output")}
            for layer in ("d1", "d2")
        }
        nodes = ends["d2"]["output"]["free"]
        p, target = activated(args["activation"], nodes[:, ::2] - nodes[:, 1::2]), targets[35 * batch :][:35]
        current = results["currents"]["c1"][epoch][batch]
        if not np.allclose(current, -beta * (p - target), rtol=1e-9, atol=1e-9 * beta):
            wrong.append("currents")
        entropy = args["loss"] == "crossentropy"
        each = -target * np.log(p + np.finfo(float).eps) if entropy else 0.5 * (p - target) ** 2
        losses_of[epoch] += each.sum() / 35
        if args["optimizer"] == "sgd" and at + 1 < len(steps):
            for layer, side in ends.items():
                drop = {
                    k: side["input"][k][:, :, None] - side["output"][k][:, None, :] for k in side["input"]
                }
                nudged = [rule(drop["free"], drop[phase]) for phase in ("nudge", "nudge_reversed")]
                gradient = (nudged[0] - nudged[1]).sum(0) / 2 / (beta * 35)
                before, after = (data[layer]["w"][e][b] for e, b in (steps[at], steps[at + 1]))
                moved = np.clip(before - args["rate"] * gradient, 1e-7, 1e-5)
                if not np.allclose(
                    moved - before, after - before, rtol=1e-6, atol=1e-6 * np.abs(after - before).max()
                ):
                    wrong.append(f"update of {layer}")
                if not np.abs(after - before).max() > 0:
                    wrong.append(f"{layer} does not move")
        yield f"{epoch}/{batch}", ", ".join(f"{what} of batch {epoch}/{batch}" for what in wrong)
    loss = results["loss"]["c1"]
    same = np.allclose(loss, [losses_of[epoch] for epoch in range(args["epochs"])], rtol=1e-9)
    yield "loss", "" if same else "training loss"
    accuracy = np.array(model.history["val_accuracy"]) * 100
    yield "accuracy", "" if np.array_equal(results["accuracy"]["c1"], accuracy) else "test accuracy"
    predicted = activated(args["activation"], results["volts"]["c1"])
    yield (
        "predictions",
        "" if np.allclose(results["predictions"]["c1"], predicted, atol=1e-12) else "predictions",
    )


# -- names one by one --------------------------------------------------------------------------------

MEANS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "DCVoltageLayer": (
        lambda: ebana.DCVoltageLayer("b", 2, input_voltages=0.9).config(),
        lambda: ebana.BiasVoltageLayer(2, "b", 0.9).config(),
    ),
    "DCVoltageLayer of data": (
        lambda: ebana.DCVoltageLayer(units=3, name="x", save_sim_data=True).config(),
        lambda: ebana.InputVoltageLayer(3, "x").config(),
    ),
    "CurrentNudgingLayer": (
        lambda: ebana.CurrentNudgingLayer("c").config(), lambda: ebana.CurrentLayer("c", fold=False).config(),
    ),
    "CurrentNudgingLayer(activation)": (
        lambda: ebana.CurrentNudgingLayer("c", True, "softmax").config(),
        lambda: ebana.CurrentLayer("c", activation="softmax").config(),
    ),
    "DenseLayer, name first": (
        lambda: ebana.DenseLayer("d", 3, save_sim_data=True, save_currents=False).config(),
        lambda: ebana.DenseLayer(3, "d").config(),
    ),
    "LocallyConnected2DLayer(stride)": (
        lambda: ebana.LocallyConnected2DLayer(
            name="l", kernel_size=(3, 3), stride=(2, 2), padding="same", filters=2
        ).config(),
        lambda: ebana.LocallyConnected2DLayer(2, 3, 2, "same", "l").config(),
    ),
    "DiodeLayer(save_sim_data)": (
        lambda: ebana.DiodeLayer("a", "up", 0.1, "behavioral", save_sim_data=True, lr=0).config(),
        lambda: ebana.DiodeLayer("a", "up", bias=0.1, kind="behavioral", lr=0).config(),
    ),
    "Initializers(init_low)": (
        lambda: ebana.Initializers(
            "glorot_uniform", {"init_low": 1e-7, "init_high": 1e-5, "clip_low": 1e-7, "clip_high": 1e-5}
        ),
        lambda: interval(1e-7, 1e-5, 1e-7, 1e-5),
    ),
    "he_uniform": (lambda: ebana.Initializers("he_uniform"), lambda: ebana.Initializers("he")),
    "random_uniform": (lambda: ebana.Initializers("random_uniform"), lambda: ebana.Initializers("uniform")),
    "glorot_log_uniform": (
        lambda: ebana.Initializers("glorot_log_uniform"), lambda: ebana.Initializers("glorot_log"),
    ),
    "CosineDecay": (
        lambda: schedules.CosineDecay(1e-7, 10, alpha=0.1),
        lambda: schedules.Scheduled(1e-7, schedules.Cosine(steps=10, final=0.1)),
    ),
    "ConstantLearningRateSchedule": (
        lambda: schedules.ConstantLearningRateSchedule(1e-7), lambda: schedules.Scheduled(1e-7),
    ),
    "Adam(gamma_v, gamma_s)": (
        lambda: optimizers.Adam(gamma_v=0.5, gamma_s=0.6).options(),
        lambda: optimizers.Adam(b1=0.5, b2=0.6).options(),
    ),
    "Adam(beta1, beta2)": (
        lambda: optimizers.Adam(beta1=0.5, beta2=0.6).options(),
        lambda: optimizers.Adam(b1=0.5, b2=0.6).options(),
    ),
    "Adam(beta_1, beta_2, epsilon)": (
        lambda: optimizers.Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.6, epsilon=1e-3).to_config(),
        lambda: optimizers.Adam(lr=0.1, b1=0.5, b2=0.6, eps=1e-3).to_config(),
    ),
    "SGDMomentum": (
        lambda: optimizers.SGDMomentum(momentum=0.8).options(), lambda: optimizers.Momentum(momentum=0.8).options(),
    ),
    "CrossEntropyLoss(beta)": (lambda: losses.CrossEntropyLoss(beta=1e-6).beta, lambda: 1e-6),
    "MSE(beta, output_midpoint)": (
        lambda: losses.MSE(beta=1e-6, output_midpoint=0.4), lambda: losses.MSE(0.4, 1e-6),
    ),
    "MSEProb(beta)": (lambda: losses.MSEProb(beta=1e-6).name, lambda: "mse_prob"),
    "BCE(beta)": (lambda: losses.BCE(beta=1e-6).beta, lambda: 1e-6),
    "SparsemaxLoss(beta)": (lambda: losses.SparsemaxLoss(beta=1e-6).beta, lambda: 1e-6),
    "Metrics(save_...)": (
        lambda: repr(
            ebana.metrics.Metrics(
                None, save_phase_data=True, save_batch_data=True, save_injected_currents=True
            ).callbacks
        ),
        lambda: repr([callbacks.Record(phases=True, currents=True, values=True)]),
    ),
    "EarlyStopping(restore_best_weights)": (
        lambda: callbacks.EarlyStopping(restore_best_weights=True).restore_best, lambda: True,
    ),
    "DataSet": (lambda: ebana.DataSet, lambda: ebana.Dataset),
}  # fmt: skip
"""A name of others', and what it means here."""


def small() -> ebana.Model:
    """A model to ask for names."""
    x = ebana.InputVoltageLayer(2, "x")
    return ebana.Model(x, ebana.CurrentLayer("y")(ebana.DenseLayer(2, "d")(x)))


def meanings() -> Iterator[tuple[str, str]]:
    """Each name that has a meaning, and what is wrong with it."""
    for name, (theirs, ours) in MEANS.items():
        found, expected = theirs(), ours()
        yield name, "" if found == expected else f"{found!r} instead of {expected!r}"


def answers() -> Iterator[tuple[str, str]]:
    """Each name that has another form here, and what is wrong with its error."""
    model, data = small(), (np.zeros((2, 2)), np.zeros((2, 1)))
    for name, advice in (OF_NETWORKS | OF_MODELS).items():
        yield f"model.{name}", _refusal(lambda name=name: getattr(model, name), AttributeError, name, advice)
    for name, advice in (OF_KERAS_FIT | OF_FIT).items():
        yield (
            f"fit({name})",
            _refusal(lambda name=name: model.fit(*data, **{name: 1}), TypeError, name, advice),
        )
    for name, advice in OF_OPTIMIZERS.items():
        for rule in (optimizers.SGD, optimizers.Adam):
            yield (
                f"{rule.__name__}({name})",
                _refusal(lambda n=name, r=rule: r(**{n: 1}), TypeError, name, advice),
            )
    for name in ("weight_upata_func", "weight_update_func"):
        yield (
            f"DenseLayer({name})",
            _refusal(lambda n=name: ebana.DenseLayer(2, "d", **{n: min}), TypeError, name, "grad_func="),
        )


def _refusal(call: Callable[[], Any], kind: type[Exception], name: str, advice: str) -> str:
    """What is wrong with the error of a name that there is not."""
    try:
        call()
    except kind as error:
        told = str(error)
        return "" if repr(name) in told and advice in told else f"says {told!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "is taken"


def _count(name: str, found: Iterator[tuple[str, str]]) -> Count:
    tried, wrong = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ebana.LearningWarning)
        for what, fault in found:
            tried += 1
            wrong += [f"{what}: {fault}"] if fault else []
    return Count(name, tried, len(wrong), f"first wrong: {wrong[0]}" if wrong else "")


def counts(quick: bool = False) -> Iterator[Count]:
    """Count the programs and names that mean something else, or nothing."""
    yield _count("programs in the spellings of 2022, 2024 and 2025 beside ours", programs(quick))
    yield _count("names with a meaning here", meanings())
    yield _count("names with another form here, by their errors", answers())
