"""Programs and names of others: a small number of what the benchmark does, and that it would see what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.faults import names
from benchmarks.spellings import adder_2024, iris_2025, majority_2022, stripes_2025

from benchmarks import faults
from ebana import History, losses


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        pytest.param(majority_2022.train, names.majority, marks=pytest.mark.slow),
        (adder_2024.train, names.adder),
        pytest.param(stripes_2025.train, names.stripes, marks=pytest.mark.slow),
    ],
    ids=["2022", "2024", "2025"],
)
def test_a_program_gives_the_numbers_of_the_model_in_our_spelling(theirs, ours):
    with names.quietly() as folder:
        model, results = theirs()
        assert names.differs(model, ours()) == ""
        for path in folder.glob("*_history.pickle"):
            np.testing.assert_array_equal(History.load(path)["loss"], model.history["loss"])
    assert model.history["loss"][-1] < model.history["loss"][0]
    if "evaluation" in results:
        last = model.history["val_loss"][-1]
        assert results["evaluation"].loss == pytest.approx(last, rel=1e-9)


@pytest.mark.parametrize(
    "variant",
    [
        "probabilities behind a softmax",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("squares", "entropy behind a sparsemax")),
    ],
)
def test_the_program_of_2025_gives_ours_and_the_published_arithmetic(variant):
    options = names.VARIANTS[variant] | {"epochs": 2}
    with names.quietly() as folder:
        model, results = iris_2025.train(options)
        ours = names.iris(options)
        assert names.differs(model, ours) == ""
        deck, kept = (folder / "iris.sp").read_text(), History.load(folder / "iris_history.pickle").records
    assert {"Xd1", "Xd2", "Xdown"} <= {line.split(" ")[0] for line in deck.splitlines()}
    assert len(kept) == 6
    found = dict(names.batches(model, results, options))
    assert len(found) == 9
    assert set(found.values()) == {""}
    wrong = dict(names.batches(model, spoiled(results), options))
    assert wrong["1/2"].startswith("currents")
    ours.set_values({"d1/conductance": ours.values["d1/conductance"] * (1 + 1e-8)})
    assert names.differs(model, ours) == "d1/conductance"


def spoiled(results):
    """The same with one current that is off by a millionth."""
    currents = {e: dict(batches) for e, batches in results["currents"]["c1"].items()}
    currents[1][2] = currents[1][2] * (1 + 1e-6)
    return results | {"currents": {"c1": currents}}


def test_every_name_means_what_ours_means():
    found = dict(names.meanings())
    assert len(found) == len(names.MEANS)
    assert set(found.values()) == {""}


def test_every_other_name_is_answered_with_ours():
    found = dict(names.answers())
    assert len(found) > 40
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_a_name_that_means_something_else_is_counted(monkeypatch):
    monkeypatch.setitem(names.MEANS, "MSE", (lambda: losses.MSE(beta=1e-6), lambda: losses.MSE(beta=2e-6)))
    count = names._count("names", names.meanings())
    assert (count.tried, count.wrong) == (len(names.MEANS), 1)
    assert "MSE(output_midpoint=None, beta=1e-06) instead of" in count.note
    assert names._refusal(lambda: 1, TypeError, "a", "b") == "is taken"


def test_kinds_are_the_modules_that_count():
    assert "names" in faults.kinds()
    assert "card_styles" not in faults.kinds()
