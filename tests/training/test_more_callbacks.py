"""Callbacks of functions, and learning rates that fall where a curve gets no better."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, callbacks, optimizers
from ebana.callbacks import LambdaCallback, ReduceLROnPlateau

X = np.array([[1.0, -0.5], [0.25, 0.75], [-1.0, 1.0], [0.5, 0.5]])
Y = np.array([[0.2], [0.1], [-0.1], [0.3]])


def model() -> Model:
    x = InputVoltageLayer(2, "x")
    return Model(x, CurrentLayer("y")(DenseLayer(2, "d")(x)))


def factors(callback, curve) -> list[float]:
    """Factors after each epoch, of a run whose monitored curve is given; None is an epoch without it."""
    run = SimpleNamespace(rate_factor=1.0, validation=object())
    callback.attach(run)
    found = []
    for epoch, value in enumerate(curve, 1):
        callback.on_epoch_end(epoch, {} if value is None else {callback.monitor: value})
        found.append(run.rate_factor)
    return found


@pytest.mark.parametrize(
    ("options", "curve", "expected"),
    [
        ({"patience": 2}, [1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [3, 2, 1, 0.5], [1, 1, 1, 1]),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.4], [1, 0.5, 0.5]),
        ({"patience": 1, "cooldown": 2}, [1] * 6, [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "least": 0.3}, [1] * 4, [1, 0.5, 0.3, 0.3]),
        ({"patience": 1}, [1, None, 2], [1, 1, 0.5]),
        ({"patience": 1}, [1, math.nan], [1, 0.5]),
        ({"patience": 1, "mode": "max"}, [1, 2, 2], [1, 1, 0.5]),
    ],
)
def test_rates_fall_where_a_curve_gets_no_better(options, curve, expected):
    assert factors(ReduceLROnPlateau(factor=0.5, **options), curve) == expected


def test_higher_accuracies_are_better():
    assert factors(ReduceLROnPlateau("val_accuracy", 0.5, 1), [0.1, 0.2, 0.1]) == [1, 1, 0.5]


class Seen(callbacks.Callback):
    """Remembers the values after each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs):
        self.seen.append(self.model.values["d/conductance"])


def trained(**options):
    one, seen = model(), Seen()
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    one.fit(
        X,
        Y,
        batch_size=4,
        optimizer=optimizers.SGD(lr=1e-14),
        callbacks=[plateau, seen],
        verbose=False,
        **options,
    )
    return one, seen.seen


def test_updates_shrink_with_the_factor():
    """Every epoch after the first halves the rate, and with it steps of SGD, but for what the gradient changes."""
    one, seen = trained(epochs=4)
    np.testing.assert_array_equal(one.history["learning_rate_factor"], [1.0, 1.0, 0.5, 0.25])
    steps = [np.abs(b - a).max() for a, b in itertools.pairwise(seen)]
    gradient = [g / f for g, f in zip(steps, (1.0, 0.5, 0.25), strict=True)]
    assert gradient == pytest.approx([gradient[0]] * 3, rel=1e-2)


class Stop(callbacks.Callback):
    """Ctrl-C after an epoch, when its checkpoint is written; None for never."""

    saves = True

    def __init__(self, after):
        self.after = after

    def on_epoch_end(self, epoch, logs):
        if epoch == self.after:
            raise KeyboardInterrupt


def test_the_factor_is_that_of_the_checkpoint(tmp_path):
    path = tmp_path / "run.ckpt"

    def run(after=None, **options):
        one = model()
        plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        kept = [plateau, callbacks.Checkpoint(path, every=3), Stop(after)]
        sgd = optimizers.SGD(lr=1e-14)
        one.fit(X, Y, epochs=6, batch_size=4, optimizer=sgd, callbacks=kept, verbose=False, **options)
        return one

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(after=3)
    resumed = run(resume=path)
    assert resumed.history["learning_rate_factor"] == whole.history["learning_rate_factor"]
    assert whole.history["learning_rate_factor"][-1] == 1 / 16
    np.testing.assert_array_equal(resumed.values["d/conductance"], whole.values["d/conductance"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, "above 0 and below 1"),
        ({"factor": 0}, "above 0 and below 1"),
        ({"factor": True}, "above 0 and below 1"),
        ({"min_delta": -1.0}, "at least 0"),
        ({"least": 1.0}, "from 0 to below 1"),
        ({"mode": "up"}, "'auto', 'min' or 'max'"),
        ({"patience": 0}, "patience"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=f"ReduceLROnPlateau.*{message}"):
        ReduceLROnPlateau(**options)


def test_spellings_of_keras_say_what_to_do():
    with pytest.raises(TypeError, match="Give least="):
        ReduceLROnPlateau(min_lr=1e-6)
    with pytest.raises(TypeError, match="use on_train_begin and on_epoch_end"):
        LambdaCallback(on_epoch_begin=print)


def test_a_curve_that_is_not_measured_is_named():
    plateau = ReduceLROnPlateau("val_loss")
    with pytest.raises(ValueError, match=r"monitors 'val_loss'.*Give fit validation_data"):
        model().fit(X, Y, epochs=1, callbacks=[plateau], verbose=False)


def test_functions_are_called_in_their_order():
    told = []
    callback = LambdaCallback(
        on_train_begin=lambda: told.append("begin"),
        on_batch_end=lambda step, batch: told.append(("batch", step, len(batch.samples))),
        on_epoch_end=lambda epoch, logs: told.append(("epoch", epoch, logs["loss"] > 0)),
        on_train_end=lambda: told.append("end"),
    )
    model().fit(X, Y, epochs=2, batch_size=2, callbacks=[callback], verbose=False)
    expected = ["begin", ("batch", 1, 2), ("batch", 2, 2), ("epoch", 1, True)]
    assert told == [*expected, ("batch", 3, 2), ("batch", 4, 2), ("epoch", 2, True), "end"]


def test_only_a_function_of_batches_makes_steps_run_one_by_one():
    assert not LambdaCallback(on_epoch_end=lambda epoch, logs: None).batches
    assert LambdaCallback(on_train_batch_end=lambda step, batch: None).batches


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"LambdaCallback\(on_epoch_end=3\)\. Expected a function"):
        LambdaCallback(on_epoch_end=3)
