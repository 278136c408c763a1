"""Studies: the figures of every chip are those of its own model, whoever computes them and however often it stops."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ebana import optimizers, recipes
from ebana.hardware import Hardware, Levels, Measurement, Mismatch, Spread, Temperature
from ebana.hardware import study as studies
from ebana.hardware.transfer import compare
from ebana.storage.parts import Parts


@pytest.fixture(scope="module")
def iris():
    recipe = recipes.get("iris")
    split = recipe.data(seed=0)
    train, test = recipe.dataset(split.x_train, split.y_train), recipe.dataset(split.x_test, split.y_test)
    model = recipe.build(seed=0)
    model.fit(train, verbose=False, **recipe.fit_options(0, epochs=60))
    return recipe, model, train, test


HARDWARE = Hardware(
    Levels(64), Spread(0.3), Mismatch(threshold=0.03, strength=0.2, gain=0.1, offset=5e-3), seed=6
)


def test_every_chip_is_scored_as_its_own_model_is(iris):
    _, model, _, test = iris
    found = model.vary(test, hardware=HARDWARE, chips=[3, 0, 11])
    nominal = model.predict(test)
    for k, chip in enumerate((3, 0, 11)):
        own = model.realise(HARDWARE, chip)
        result = own.evaluate(test)
        assert found.accuracy[k] == pytest.approx(result.accuracy, rel=1e-14)
        assert found.loss[k] == pytest.approx(result.loss, rel=1e-9)
        error = np.sqrt(np.mean((own.predict(test) - nominal) ** 2))
        assert found.error[k] == pytest.approx(error, rel=1e-8)
    assert len({*found.loss}) == 3
    worst = found.worst(3)
    assert [found.accuracy[list(found.numbers).index(c)] for _, _, c in worst] == sorted(found.accuracy)
    assert found.share_above(0.0) == 1.0
    assert found.share_above(1.1) == 0.0


def test_more_samples_than_a_block_and_padding_count_once(iris):
    _, model, train, _ = iris
    many = type(train)(
        *({k: np.tile(v, (3, 1)) for k, v in part.items()} for part in (train.inputs, train.outputs))
    )
    one, three = (model.vary(data, hardware=HARDWARE, chips=2) for data in (train, many))
    np.testing.assert_allclose(three.accuracy, one.accuracy, rtol=1e-12)
    np.testing.assert_allclose(three.loss, one.loss, rtol=1e-9)


def test_sweeps_and_corners_are_a_table(iris, tmp_path):
    _, model, _, test = iris
    kinds = {sigma: Hardware(Spread(sigma), Mismatch(threshold=0.01)) for sigma in (0.01, 0.4)}
    found = model.vary(test, None, kinds, chips=3, temperature=(-40, 85), quantity="spread")
    assert found.accuracy.shape == found.loss.shape == (2, 2, 3)
    columns = found.columns()
    assert list(columns) == ["spread", "celsius", "chip", "accuracy", "loss", "error", "unconverged"]
    assert {len(column) for column in columns.values()} == {12}
    assert columns["spread"].tolist() == [0.01] * 6 + [0.4] * 6
    alone = model.vary(test, None, kinds[0.4].also(Temperature(85.0)), chips=3)
    np.testing.assert_array_equal(found.loss[1, 1], alone.loss)
    told = found.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert [kind["spread"] for kind in told["kinds"]] == [0.01, 0.01, 0.4, 0.4]
    for picture in (found, alone):
        picture.plot(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 5000
    assert all(len(line) <= 80 for line in str(found).splitlines())
    [path] = found.netlists(tmp_path / "decks")
    label, celsius, chip = found.worst()[0]
    assert path.name == f"chip_{chip}_spread_{label}_{celsius:g}C.cir"
    assert path.read_text().count("\nR") == model.netlist(test).count("\nR")


def test_corners_keep_the_coefficients_of_the_hardware(iris):
    _, model, _, test = iris
    hardware = Hardware(Temperature(85.0, tc1=3e-3), seed=1)
    found = model.vary(test, hardware=hardware, chips=1, temperature=(27, 125))
    assert found.error[0, 0] < 1e-9
    hot = model.realise(Hardware(Temperature(125.0, tc1=3e-3)), 0)
    assert hot.celsius == 125.0
    ratio = hot.values["d1/conductance"] / model.values["d1/conductance"]
    np.testing.assert_allclose(ratio, 1 / (1 + 98 * 3e-3), rtol=1e-12)
    assert found.loss[1, 0] == pytest.approx(hot.evaluate(test).loss, rel=1e-9)
    alone = model.vary(test, chips=1, temperature=(-40, 85))
    assert alone.accuracy.shape == (2, 1)


def test_lost_samples_are_wrong_answers(iris):
    from ebana.devices import IdealDiode

    device = {"model": IdealDiode(threshold=0.01)}
    model = iris[0].build(seed=0, device=device)
    found = model.vary(iris[3], hardware=Hardware(Mismatch(threshold=0.05), seed=1), chips=4)
    assert found.unconverged.max() == 45
    assert np.all(found.accuracy[found.unconverged == 45] == 0.0)
    assert np.isnan(found.loss[found.unconverged == 45]).all()
    assert found.worst()[0][2] == int(np.argmax(found.unconverged == 45))
    assert np.isfinite(found.to_dict()["loss"]["mean"]) or (found.unconverged == 45).all()
    assert "count as wrong" in str(found)


def test_lost_samples_are_wrong_answers_of_transferred_chips(iris):
    from ebana.devices import IdealDiode

    recipe, _, train, test = iris
    model = recipe.build(seed=0, device={"model": IdealDiode(threshold=0.01)})
    model.set_values(iris[1].values)
    hardware = Hardware(Mismatch(threshold=0.05), seed=1)
    study = model.vary(test, hardware=hardware, chips=4, loss_fn=recipe.make_loss())
    still = {"epochs": 1, "optimizer": optimizers.Adam(lr=1e-13)}
    found = compare(
        model, train, test, hardware, lambda: recipe.fit_options(0) | still, chips=4, ways=("transfer",)
    )
    assert study.unconverged.max() == 45
    np.testing.assert_allclose(found.accuracy("transfer"), study.accuracy, atol=1e-12)


def test_junctions_feel_the_corners(iris):
    recipe = iris[0]
    device = {"model": ".model DX D(IS=2.52n N=1.752 RS=0.568)"}
    model = recipe.build(seed=0, device=device)
    found = model.vary(iris[3], None, Hardware(Spread(0.01)), chips=1, temperature=(-40, 125))
    assert found.error[0, 0] != found.error[1, 0]
    own = model.realise(Hardware(Spread(0.01)).also(Temperature(125.0)), 0)
    assert found.loss[1, 0] == pytest.approx(own.evaluate(iris[3]).loss, rel=1e-9)


def test_ngspice_scores_the_same_chips(iris):
    _, model, _, test = iris
    few = test.select(slice(0, 6))
    own = model.vary(few, None, HARDWARE, chips=2)
    spice = recipes.get("iris").build(seed=0, engine="ngspice")
    spice.set_values(model.values)
    other = spice.vary(few, None, HARDWARE, chips=2)
    np.testing.assert_allclose(other.accuracy, own.accuracy, rtol=1e-14)
    np.testing.assert_allclose(other.loss, own.loss, rtol=1e-6)


def test_converters_are_part_of_a_chip(iris):
    _, model, _, test = iris
    kinds = {bits: Hardware(measurement=Measurement(bits=bits)) for bits in (2, 12)}
    found = model.vary(test, None, kinds, chips=1, quantity="bits")
    assert found.error[0, 0] > 20 * found.error[1, 0] > 0
    chip = model.on(kinds[2], chip=0)
    assert found.loss[0, 0] == pytest.approx(chip.evaluate(test).loss, rel=1e-9)


def test_a_stopped_study_goes_on_and_keeps_what_was_done(iris, tmp_path, monkeypatch):
    _, model, _, test = iris
    monkeypatch.setattr(studies, "PART", 2)
    options = {"chips": 6, "temperature": None, "loss_fn": "mse", "verbose": False}
    whole = studies.vary(model, test, None, HARDWARE, "hardware", **options)
    compiled, calls = studies._Study._compiled, []

    def stopping(self, numbers, told):
        calls.append(numbers.tolist())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compiled(self, numbers, told)

    monkeypatch.setattr(studies._Study, "_compiled", stopping)
    parts = Parts(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        studies.vary(model, test, None, HARDWARE, "hardware", **options, parts=parts)
    parts.close()
    again = Parts(tmp_path / "parts", resume=True)
    found = studies.vary(model, test, None, HARDWARE, "hardware", **options, parts=again)
    assert calls == [[0, 1], [2, 3], [4, 5], [4, 5]]
    np.testing.assert_array_equal(found.loss, whole.loss)
    again.close()
    other, kept = Hardware(Spread(0.1)), Parts(tmp_path / "parts", resume=True)
    with pytest.raises(ValueError, match="hardware"):
        studies.vary(model, test, None, other, "hardware", **options, parts=kept)
    kept.close()


WRONG = {
    "no hardware": ({"hardware": None}, TypeError, "Expected a Hardware"),
    "an effect": ({"hardware": Spread(0.1)}, TypeError, "Expected a Hardware"),
    "no chips": ({"chips": 0}, ValueError, "1 or more"),
    "the same chip twice": ({"chips": [1, 1]}, ValueError, "each once"),
    "too cold": ({"temperature": -400}, ValueError, "above -273.15"),
    "no corners": ({"temperature": ()}, ValueError, "degrees Celsius"),
    "an unknown layer": ({"hardware": Hardware(Spread(0.1, layers="d7"))}, ValueError, "no layer 'd7'"),
}


@pytest.mark.parametrize(("given", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_before_work(iris, given, error, message):
    _, model, _, test = iris
    with pytest.raises(error, match=message):
        model.vary(test, **({"hardware": HARDWARE} | given))


def test_training_on_a_chip_keeps_what_transfer_loses(iris):
    recipe, _, train, test = iris
    hardware = Hardware(Spread(0.6), Mismatch(threshold=0.05, strength=0.3), seed=3)
    found = compare(recipe.build(seed=0), train, test, hardware, lambda: recipe.fit_options(0), chips=4)
    losses = {way: np.median([score.loss for score in scores]) for way, scores in found.scores.items()}
    assert losses["in situ"] < 0.5 * losses["transfer"]
    assert losses["tuned"] < 0.5 * losses["transfer"]
    assert found.gap == np.median(found.accuracy("in situ")) - np.median(found.accuracy("transfer"))
    assert set(found.to_dict()["accuracy"]) == {"transfer", "aware", "tuned", "in situ"}
    with pytest.raises(ValueError, match="'nowhere' is unknown"):
        compare(recipe.build(seed=0), train, test, hardware, dict, ways=["nowhere"])
