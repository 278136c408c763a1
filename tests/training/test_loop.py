"""fit: what is learned, recorded and counted, whatever the chunks, the engine and the form of the data."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    BatchGenerator,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    Dataset,
    DenseLayer,
    History,
    Initializers,
    InputVoltageLayer,
    LearningWarning,
    Loss,
    Model,
    NativeEngine,
    NotConverged,
    metrics,
)
from ebana.optimizers import SGD, Adam, Optimizer
from ebana.training import run as loop
from ebana.training.callbacks import Callback, EarlyStopping
from ebana.training.fit import UnconvergedWarning
from helpers.nets import Bench, Refuses, X, Y, as_it_is, dense, linear, same_values, shared

G = "d/conductance"
FIT = {"epochs": 4, "batch_size": 2}  # three steps an epoch, the last of one sample


nothing_trained = pytest.mark.filterwarnings(
    "ignore:training of model .* learning rates:ebana.LearningWarning"
)


def adam(lr=2e-5, **options):
    return Adam(lr=lr, **options)


def trained(model=None, data=(X, Y), **options):
    """Values after a fit from the start."""
    model = model or shared()
    model.set_values(model.circuit.initial())
    model.fit(*data, **{"optimizer": adam()} | FIT | options)
    return model.values


class Notes(Callback):
    """Writes down what it is told."""

    def __init__(self, every=1, at=None, error=None):
        self.every, self.at, self.error, self.notes = every, at, error, []

    def on_train_begin(self):
        self.notes.append("begin")

    def on_epoch_end(self, epoch, logs):
        self.notes.append(epoch)
        if epoch == self.at:
            raise self.error

    def on_interrupt(self):
        self.notes.append("interrupt")

    def on_train_end(self):
        self.notes.append("end")


# -- as a Keras user writes it -----------------------------------------------------------------------


def test_fit_learns_records_and_reports():
    model, notes = shared(), Notes()
    beta = model.default_beta()
    before = model.evaluate(X, Y).loss
    history = model.fit(
        X,
        Y,
        batch_size=2,
        epochs=30,
        validation_data=(X, Y),
        callbacks=[notes],
        optimizer=adam(schedule="cosine"),
    )
    assert isinstance(history, History)
    assert history is model.history
    assert history.epochs == list(range(1, 31))
    assert history.settings["beta"] == beta
    assert history.settings["engine"] == "native"
    assert history.settings["samples_per_second"] > 0
    assert history.settings["compile_seconds"] > 0
    names = ["loss", "accuracy", "val_loss", "val_accuracy", "unconverged", "seconds", "learning_rate_factor"]
    assert set(names) <= history.history.keys()
    assert all(len(curve) == 30 for curve in history.history.values())
    assert history.last("val_loss") == model.evaluate(X, Y).loss < 0.5 * before
    assert history.history["unconverged"] == [0.0] * 30
    assert notes.notes == ["begin", *range(1, 31), "end"]


@nothing_trained
def test_the_training_loss_is_the_mean_over_the_samples_before_each_update():
    model = shared()
    expected = model.evaluate(X, Y)
    history = model.fit(X, Y, epochs=1, batch_size=2, optimizer=adam(lr=0.0))
    assert history.last("loss") == pytest.approx(expected.loss, rel=1e-9)
    assert history.last("accuracy") == expected.accuracy


def test_a_loop_written_by_hand_gives_the_same():
    model = shared()
    data, optimizer = BatchGenerator(Dataset({"x": X}, {"y": Y}), 2, shuffle=True, seed=3), adam()
    for epoch in range(2):
        for batch in data.batches(epoch):
            optimizer.step(model, model.gradients(batch, beta=1e-6))
    by_hand = model.values[G]
    np.testing.assert_allclose(trained(beta=1e-6, seed=3, epochs=2)[G], by_hand, rtol=1e-9)


SETS = {"inputs": {"x": X}, "outputs": {"y": Y}}


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((X.tolist(), Y.ravel()), {}),
        (({"x": X}, {"y": Y}), {}),
        ((SETS,), {}),
        ((Dataset(**SETS),), {}),
        ((BatchGenerator(SETS, 2, shuffle=True),), {"batch_size": None}),
        ((), {"train_dataloader": BatchGenerator(SETS, 2, shuffle=True), "batch_size": None}),
    ],
    ids=["lists", "names", "dict", "dataset", "generator", "keyword"],
)
def test_every_form_of_the_data_trains_alike(data, options):
    assert same_values(trained(), trained(data=data, **options))


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_order():
    assert same_values(trained(), trained())
    assert same_values(trained(seed=1), trained(seed=1))
    assert not same_values(trained(), trained(seed=1))
    assert not same_values(trained(), trained(shuffle=False))


@nothing_trained
@pytest.mark.parametrize("size", [None, 1, 5, 100])
def test_any_batch_size_uses_every_sample(size):
    model = shared()
    history = model.fit(X, Y, epochs=1, batch_size=size, optimizer=adam(lr=0.0))
    assert history.last("loss") == pytest.approx(model.evaluate(X, Y).loss, rel=1e-9)
    assert history.settings["batch_size"] == min(size or 32, 5)


# -- chunks ------------------------------------------------------------------------------------------


LONG = (np.tile(X, (4, 1)), np.tile(Y, (4, 1)) + 0.1 * np.arange(20)[:, None])
"""Twenty samples."""


def in_chunks(monkeypatch, steps, seconds, **options):
    lengths = []
    run = loop.run_chunk

    def counted(spec, system, values, state, batches, count, settings):
        lengths.append(int(count))
        return run(spec, system, values, state, batches, count, settings)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_chunk", counted)
        patch.setattr(loop, "CHUNK_STEPS", steps)
        patch.setattr(loop, "CHUNK_SECONDS", seconds)
        values = trained(epochs=3, batch_size=1, data=LONG, **options)
    history = as_it_is("linear").history
    return values | {"curve": history.history["loss"]}, lengths


def test_the_length_of_the_chunks_changes_no_bit(monkeypatch):
    long, lengths = in_chunks(monkeypatch, 64, 1e9)
    assert lengths == [1, 1, 58]
    single, lengths = in_chunks(monkeypatch, 64, 0.0)
    assert lengths == [1] * 60
    called, lengths = in_chunks(monkeypatch, 64, 1e9, callbacks=[Notes()])
    assert lengths == [1, 1, 18, 20, 20]
    thirds, lengths = in_chunks(monkeypatch, 20, 1e9)
    assert lengths == [1, 1, 20, 20, 18]
    assert same_values(long, single)
    assert same_values(long, called)
    assert same_values(long, thirds)


def test_numbers_that_change_compile_nothing_again():
    class Counted(Loss):
        def cost(self, y, target):  # runs where a step is traced, not where it is compiled already
            traced.append(1)
            return jnp.sum((y - target) ** 2, -1) / 2

    traced, loss = [], Counted()
    trained(loss_fn=loss)
    once = len(traced)
    assert once > 0
    trained(loss_fn=loss, optimizer=adam(lr=1e-5, schedule="cosine"), beta=1e-7, seed=5, epochs=7)
    trained(loss_fn=loss, data=(2 * X, Y + 1))
    assert len(traced) == once


# -- validation and metrics --------------------------------------------------------------------------


def measured(history, name="val_loss"):
    return [
        epoch
        for epoch, v in zip(history.epochs, history.history.get(name, []), strict=False)
        if not math.isnan(v)
    ]


@pytest.mark.parametrize(
    ("every", "epochs", "steps"),
    [
        (None, [1, 2, 3, 4, 5], []),
        (2, [2, 4, 5], []),
        ({"epoch_num": 3}, [3, 5], []),
        ({"epoch": 10}, [5], []),
        ({"batch_num": 2}, [2, 4, 5], [2, 4, 6, 8, 10, 12, 14]),
        ({"batch_num": 3}, [1, 2, 3, 4, 5], [3, 6, 9, 12, 15]),
        ({"batch": 7}, [5], [7, 14]),
    ],
)
def test_validation_every_so_many_epochs_or_batches(every, epochs, steps):
    history = shared().fit(
        X, Y, batch_size=2, epochs=5, validation_data=(X, Y), validate_every=every, optimizer=adam()
    )
    assert measured(history) == epochs
    assert history.batches["step"] == steps


def test_validation_changes_nothing_and_may_be_given_as_a_generator():
    watched = trained(test_dataloader=BatchGenerator(SETS, 2, shuffle=True), validate_every={"batch_num": 1})
    assert same_values(trained(), watched)


def test_metrics_carry_the_options_of_published_code(capfd):
    given = metrics.Metrics(None, verbose=True, validate_every={"epoch_num": 2})
    history = shared().fit(X, Y, test_dataloader=(X, Y), metrics=given, optimizer=adam(), **FIT)
    assert measured(history) == [2, 4]
    said = capfd.readouterr()
    assert "epoch 4/4: loss" in said.err
    assert said.out == ""
    shared().fit(X, Y, metrics=given, verbose=False, optimizer=adam(), **FIT)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="both metrics and validate_every"):
        shared().fit(X, Y, metrics=given, validate_every=1)


def test_several_outputs_have_curves_of_their_own():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")(x)
    model = Model(x, [CurrentLayer("a")(d), CurrentLayer("b", fold=False)(dense(1, "e")(d))])
    y = {"a": Y, "b": np.array([0, 1, 1, 0, 1])}
    history = model.fit(X, y, epochs=2, validation_data=({"x": X}, y), optimizer=adam())
    curves = history.history
    for prefix in ("", "val_"):
        assert curves[f"{prefix}loss"] == pytest.approx(
            np.add(curves[f"{prefix}a_loss"], curves[f"{prefix}b_loss"])
        )
        both = curves[f"{prefix}a_accuracy"], curves[f"{prefix}b_accuracy"]
        assert curves[f"{prefix}accuracy"] == pytest.approx(np.mean(both, 0))


def test_watched_conductances_are_those_after_each_epoch():
    model = shared()
    history = model.fit(X, Y, epochs=3, optimizer=adam())
    assert history.conductance_epochs == [1, 2, 3]
    assert len(history.conductances) == 6  # of eight that are followed by default
    for label, curve in history.conductances.items():
        row, column = map(int, label.removeprefix("d[").removesuffix("]").split(","))
        assert curve[-1] == model.values[G][row, column]
        assert curve[0] != curve[-1]
    assert model.fit(X, Y, epochs=1, watch=0, optimizer=adam()).conductances == {}


def test_potentials_of_the_phases_are_kept_on_request():
    model = shared()
    free = model.operating_point(X).v
    keep = metrics.Metrics(save_phase_data=True, verbose=False)
    history = model.fit(X, Y, epochs=2, shuffle=False, metrics=keep, optimizer=adam())
    assert history.potentials.keys() == {1, 2}
    np.testing.assert_allclose(history.potentials[1]["free"], free, rtol=1e-12)
    assert (history.potentials[1]["plus"] != history.potentials[1]["minus"]).all()


# -- callbacks ---------------------------------------------------------------------------------------


def test_callbacks_are_called_so_often_and_at_the_end():
    notes = [Notes(every=2), Notes(every=3)]
    shared().fit(X, Y, epochs=5, callbacks=notes, optimizer=adam())
    assert notes[0].notes == ["begin", 2, 4, 5, "end"]
    assert notes[1].notes == ["begin", 3, 5, "end"]


def test_a_callback_sees_the_values_of_its_epoch():
    class Values(Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append(self.model.values[G])

    seen = []
    final = trained(callbacks=[Values()])
    assert len(seen) == 4
    assert np.array_equal(seen[-1], final[G])
    assert np.array_equal(seen[1], trained(epochs=2)[G])


@nothing_trained
def test_training_stops_when_it_gets_no_better():
    model = shared()
    stop = EarlyStopping("loss", patience=2)
    late = Notes(every=100)
    history = model.fit(X, Y, epochs=50, callbacks=[late, stop], shuffle=False, optimizer=adam(lr=0.0))
    assert history.epochs == [1, 2, 3]  # the first is the best, and two are no better
    assert stop.best_epoch == 1
    assert late.notes == ["begin", 3, "end"]


def test_the_best_values_are_brought_back():
    model, seen = shared(), []

    class Values(Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append((logs["val_loss"], self.model.values))

    stop = EarlyStopping("val_loss", patience=3, restore_best=True)
    rough = {"epochs": 60, "validation_data": (X, Y), "optimizer": adam(lr=3e-4)}
    model.fit(X, Y, callbacks=[Values(), stop], **rough)
    best = min(range(len(seen)), key=lambda i: seen[i][0])
    assert best < len(seen) - 1 < 59
    assert stop.best_epoch == best + 1
    assert same_values(model.values, seen[best][1])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("disk on fire")])
def test_an_interrupt_leaves_the_values_of_the_last_step(error):
    model, notes = shared(), Notes(at=2, error=error)
    optimizer = adam()
    with pytest.raises(type(error)):
        model.fit(X, Y, callbacks=[notes], optimizer=optimizer, **FIT)
    interrupt = ["interrupt"] if isinstance(error, KeyboardInterrupt) else []
    assert notes.notes == ["begin", 1, 2, *interrupt, "end"]
    assert model.history.epochs == [1, 2]
    assert optimizer.steps == 6
    assert same_values(model.values, trained(epochs=2))


# -- operating points that are not found -------------------------------------------------------------


@pytest.fixture(scope="module")
def half():
    return linear(engine=Refuses(1.5), name="half")


@pytest.fixture
def refuses(half):
    """Finds nothing for samples 2 and 3."""
    half.set_values(half.circuit.initial())
    return half


KEPT = [0, 1, 4]


def test_a_batch_without_an_operating_point_changes_nothing(refuses):
    some, all_ = adam(), adam()
    options = {"batch_size": 1, "shuffle": False, "epochs": 3}
    kept = trained(data=(X[KEPT], Y[KEPT]), optimizer=some, **options)
    with pytest.warns(UnconvergedWarning, match="'half': 18 operating points did not converge") as caught:
        found = trained(refuses, optimizer=all_, **options)
    for name, value in kept.items():  # two compiled programs: the last bit may differ
        np.testing.assert_allclose(found[name], value, rtol=1e-12)
    assert caught[0].filename == __file__
    for a, b in zip(jax.tree.leaves(some.state), jax.tree.leaves(all_.state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@nothing_trained
def test_what_was_not_found_is_left_out_and_counted(refuses):
    with pytest.warns(UnconvergedWarning, match="12 operating points .* first in epoch 1"):
        history = refuses.fit(X, Y, epochs=2, batch_size=5, optimizer=adam(lr=0.0), validation_data=(X, Y))
    assert history.history["unconverged"] == [6.0, 6.0]  # two samples in three phases
    assert history.history["val_unconverged"] == [2.0, 2.0]
    expected = shared().evaluate(X[KEPT], Y[KEPT]).loss
    assert history.last("loss") == pytest.approx(expected, rel=1e-9)
    assert history.last("val_loss") == pytest.approx(expected, rel=1e-9)


def test_an_epoch_without_any_operating_point_has_no_loss(refuses):
    before = refuses.values
    with pytest.warns(UnconvergedWarning):
        history = refuses.fit(X + 9.0, Y, epochs=2, batch_size=5, optimizer=adam())
    assert same_values(before, refuses.values)
    assert np.isnan(history.history["loss"]).all()
    assert history.history["unconverged"] == [15.0, 15.0]


def test_strict_training_stops_at_the_first(refuses):
    with pytest.raises(NotConverged, match=r"epoch 1 of model 'half'.*strict=False"):
        refuses.fit(X, Y, strict=True, optimizer=adam(), **FIT)


# -- engines -----------------------------------------------------------------------------------------


def test_an_engine_outside_jax_trains_to_the_same_result():
    outside, inside = linear(engine=Bench()), shared()
    for model in (outside, inside):
        model.fit(X, Y, epochs=3, batch_size=5, optimizer=adam(), validation_data=(X, Y))
    for name, value in inside.values.items():
        np.testing.assert_allclose(outside.values[name], value, rtol=1e-12)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(outside.history.history[name], inside.history.history[name], rtol=1e-12)
    assert outside.history.settings["engine"] == "bench"


def test_single_precision_trains_within_bounds():
    model = linear(engine=NativeEngine(dtype="float32"))
    before = model.evaluate(X, Y).loss
    history = model.fit(X, Y, epochs=60, batch_size=5, optimizer=adam(lr=5e-5), beta=1e-4)
    assert history.last("loss") < 0.6 * before
    assert sum(history.history["unconverged"]) == 0
    double = trained(epochs=60, batch_size=5, optimizer=adam(lr=5e-5), beta=1e-4)
    np.testing.assert_allclose(model.values[G], double[G], rtol=0.05)
    low, high = model.circuit.parameters[G].low, model.circuit.parameters[G].high
    with pytest.warns(LearningWarning, match="at their bounds"):
        model.fit(
            X, Y, epochs=5, optimizer=adam(lr=1.0), beta=1e-4
        )  # to the bounds, which float32 cannot hold
    g = model.values[G].ravel()
    assert g.dtype == np.float64
    assert ((g >= low) & (g <= high)).all()
    assert (np.isclose(g, low, rtol=1e-6) | np.isclose(g, high, rtol=1e-6)).all()


# -- rules, losses, bounds ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Huber(Loss):
    width: float = 0.1

    def cost(self, y, target):
        d = jnp.abs(y - target)
        return jnp.where(d < self.width, d * d / 2, self.width * (d - self.width / 2)).sum(-1)


class SignDescent(Optimizer):
    def direction(self, gradients, state, values):
        return {name: jnp.sign(g) for name, g in gradients.items()}, state


@pytest.mark.parametrize(
    "options",
    [
        {"loss_fn": Huber(), "beta": 1e-5},
        {"loss_fn": "bce", "beta": 1e-6},
        {"optimizer": SignDescent(lr=5e-6)},
        {"nudge": "clamped", "estimator": "negative"},
    ],
    ids=["huber", "bce", "sign", "clamped"],
)
def test_rules_and_losses_of_all_kinds_learn(options):
    loss = options.get("loss_fn", "mse")
    target = (Y > 0.2).astype(float)
    model = shared()
    before = model.evaluate(X, target, loss_fn=loss).loss
    model.fit(X, target, epochs=20, **{"optimizer": adam()} | options)
    assert model.evaluate(X, target, loss_fn=loss).loss < 0.97 * before


def test_the_published_rule_is_the_gradient_with_the_stages_factors():
    """Equation (4): ``g <- g - (lr / beta) [dv_b^2 - dv_0^2]``, c_out / c_l = 1 / gain^2 in the first layer."""
    model, beta, lr = shared(), 1e-7, 1e-8
    start, gradient = model.values, model.gradients(X, Y, beta=beta)
    model.fit(X, Y, epochs=1, batch_size=5, beta=beta, optimizer=SGD(lr=lr, rule="paper"))
    np.testing.assert_allclose(model.values[G], start[G] - 2 * lr * gradient[G], rtol=1e-12)
    deep = shared("hidden")
    scale = {name: float(factor) for name, factor in deep.system.gradient_scale(deep.values).items()}
    assert scale == pytest.approx({"d1/conductance": 2 / 4, "d2/conductance": 2})


def test_each_layer_has_its_own_learning_rate():
    x = InputVoltageLayer(2, "x")
    layers = [dense(2, "still", lr=0.0), dense(2, "own", lr=1e-6), dense(2, "common")]
    model = Model(x, CurrentLayer("y")(ConcatenateLayer("j")([layer(x) for layer in layers])))
    before = model.values
    model.fit(
        X, np.hstack([Y, Y, Y]), epochs=1, batch_size=5, optimizer=adam(lr=1e-5)
    )  # Adam's first step is the rate
    moved = {name: np.abs(value - before[name]).max() for name, value in model.values.items()}
    assert moved["still/conductance"] == 0
    assert moved["own/conductance"] == pytest.approx(1e-6, rel=1e-3)
    assert moved["common/conductance"] == pytest.approx(1e-5, rel=1e-3)


def test_sources_are_trained_in_their_own_units_and_bounds():
    x, b = (
        InputVoltageLayer(2, "x"),
        BiasVoltageLayer(1, "b", 1.0, trainable=True, lr=0.1, low=0.75, high=1.25),
    )
    d = dense(2, "d", trainable=False)(ConcatenateLayer("j")([x, b]))
    i = CurrentSourceLayer("i", 0.0, trainable=True, lr=1e-5, low=-1e-4, high=1e-4)(d)
    model = Model([x, b], CurrentLayer("y")(i))
    fixed, before = model.values[G], model.evaluate(X, Y).loss
    model.fit(X, Y, epochs=15)
    assert np.array_equal(model.values[G], fixed)
    assert model.values["b/voltage"].item() in (0.75, 1.25)
    assert 0 < np.abs(model.values["i/current"]).max() <= 1e-4
    assert model.evaluate(X, Y).loss < before


def test_conductances_are_kept_within_their_bounds():
    x = InputVoltageLayer(2, "x")
    narrow = Initializers("uniform", {"L": 1e-4, "U": 2e-4, "g_min": 0.9e-4, "g_max": 2.1e-4})
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d", init_type=narrow)(x)))
    with pytest.warns(LearningWarning, match="at their bounds"):
        model.fit(X, Y, epochs=1, batch_size=5, optimizer=adam(lr=1.0))  # one step, far beyond
    assert set(model.values[G].ravel()) == {0.9e-4, 2.1e-4}


def test_the_schedule_is_recorded_and_scales_the_steps():
    model = shared()
    history = model.fit(X, Y, epochs=5, batch_size=5, optimizer=adam(schedule="cosine"))
    expected = [(1 + math.cos(math.pi * step / 5)) / 2 for step in range(5)]
    assert history.history["learning_rate_factor"] == pytest.approx(expected, rel=1e-6)


# -- more than one call ------------------------------------------------------------------------------


def test_a_second_call_starts_the_rule_anew_and_a_loaded_state_goes_on(tmp_path):
    options = {"epochs": 2, "batch_size": 2, "shuffle": False, "beta": 1e-6}
    whole = trained(**options | {"epochs": 4})
    model = shared()
    optimizer = adam()
    model.fit(X, Y, optimizer=optimizer, **options)
    optimizer.save_state(tmp_path / "state")
    halfway = model.values
    model.fit(X, Y, optimizer=optimizer, **options)
    anew = model.values
    assert not same_values(anew, whole)
    model.set_values(halfway)
    model.fit(X, Y, optimizer=adam(), **options)
    assert same_values(model.values, anew)

    model.set_values(model.circuit.initial())
    again = Adam(model, lr=2e-5)
    again.load_state(tmp_path / "state")
    model.fit(X, Y, optimizer=again, **options)
    assert same_values(model.values, whole)


def test_the_nudging_strength_comes_from_the_first_who_states_one():
    model = shared()
    for options, beta in [
        ({"beta": 1e-6, "optimizer": adam(beta=2e-6)}, 1e-6),
        ({"optimizer": adam(beta=2e-6)}, 2e-6),
        ({"optimizer": adam(), "loss_fn": {"class": "MSE", "beta": 3e-6}}, 3e-6),
    ]:
        assert model.fit(X, Y, epochs=1, **options).settings["beta"] == beta
