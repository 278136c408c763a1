"""The comparison of learning rules: its settings, its verdict, and a short run of all of it."""

import json
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from ebana.learning import losses
from ebana.reproductions import scellier2023 as paper
from ebana.reproductions.request import Request
from ebana.reproductions.scellier2023 import settings
from ebana.reproductions.scellier2023.order import disorder, outcome_of
from helpers.idx_files import write_set


def errors(**changed):
    """Test errors by rule in the published order, with changes."""
    order = ("CEP", "NEP", "PEP", "CCpL", "NCpL", "PCpL", "CL", "TBP", "RBP")
    return {name: {"test_error_percent": changed.get(name, 10.0 + i)} for i, name in enumerate(order)}


def test_the_published_order_is_found_and_missed():
    assert disorder("resistive", errors()) == []
    assert disorder("resistive", errors(TBP=1.0)) == [], "rules in software are outside the order"
    assert disorder("resistive", errors(NCpL=9.0)) == ["resistive: CEP, 10.00%, is not first: NCpL has 9.00%"]
    assert disorder("hopfield", errors(NEP=13.0, PCpL=13.5)) == [
        "hopfield: NEP, 13.00%, is not before PEP, 12.00%",
        "hopfield: NCpL, 14.00%, is not before PCpL, 13.50%",
    ]


@pytest.mark.parametrize("network", paper.NETWORKS)
@pytest.mark.parametrize("one_strength", [False, True])
def test_every_rule_has_settings_that_its_network_can_bear(network, one_strength):
    setup = paper.Setup(network, one_strength=one_strength)
    model = setup.build(20, 10, 1.0, seed=0)
    assert paper.CHOSEN[network].keys() == set(paper.RULES)
    for name in paper.RULES:
        rule, choice = setup.rule(name), setup.choice(name)
        rule.check(model.system, losses.MSE())
        assert (choice.beta is not None) == rule.nudges
        if choice.beta is not None:
            assert model.check_beta(choice.beta, rule, losses.MSE()) == choice.beta
    strengths = {setup.choice(name).beta for name in ("PEP", "NEP", "CEP")}
    assert not one_strength or len(strengths) == 1


def test_both_networks_are_of_one_size():
    sizes = {}
    for network in paper.NETWORKS:
        model = paper.Setup(network).build(784, 10, 1.0, seed=0)
        trained = [p for p in model.system.parameters.values() if p.trainable]
        sizes[network] = [p.shape[-1] for p in trained if len(p.shape) == 2]
    assert sizes["resistive"] == sizes["hopfield"] == [100, 10]


def test_rates_of_a_rule_are_shares_of_the_networks_own():
    for network in paper.NETWORKS:
        whole, tenth = (paper.Setup(network).build(5, 3, rate, seed=0) for rate in (1.0, 0.1))
        for name, parameter in whole.system.parameters.items():
            if parameter.trainable:
                assert tenth.system.parameters[name].learning_rate == pytest.approx(
                    0.1 * parameter.learning_rate
                )


def test_every_choice_of_networks_data_and_settings_has_a_name_of_its_own():
    chosen = [*((network,) for network in paper.NETWORKS), settings.BOTH]
    images = SimpleNamespace(x_train=[], x_test=[])
    names = []
    for networks, data, published in product(chosen, paper.DATA, (False, True)):
        setups = [paper.Setup(network) for network in networks]
        trained = [
            paper.Trained(network, rule, 0, 10.0, 10.0, 1.0, False)
            for network in networks
            for rule in paper.RULES
        ]
        names.append(outcome_of(setups, data, images, trained, Request(published_settings=published)).name)
    assert len(set(names)) == len(names)
    assert {"scellier2023-hopfield-mnist", "scellier2023-both-fashion-mnist-published"} <= set(names)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("squares"), train=300, test=100)


def test_all_rules_learn_and_the_table_has_a_row_for_each(squares):
    """On images that are told apart in a few steps, one network."""
    said = []
    request = Request(quick=True, epochs=8, seeds=2, data_folder=squares, say=said.append)
    outcome = paper.run(request, "hopfield")
    rules = outcome.ours["networks"]["hopfield"]
    assert list(rules) == list(paper.RULES)
    assert outcome.passed, outcome.missed
    for name, rule in rules.items():
        assert len(rule["seeds"]) == 2
        assert rule["diverged"] == 0, name
        each = [seed["test_error_percent"] for seed in rule["seeds"]]
        assert rule["test_error_percent"] == pytest.approx(np.median(each))
    assert [(row["network"], row["rule"]) for row in outcome.rows] == [
        ("hopfield", name) for name in paper.RULES
    ]
    assert outcome.name == "scellier2023-hopfield-mnist"
    assert "300 training and 100 test samples, 8 epochs" in outcome.shortened
    assert len([text for text in said if text.startswith("training the hopfield")]) == 18
    assert json.loads(json.dumps(outcome.to_dict()))["published"]["test_error_percent"] is None
    assert outcome.settings["hopfield"]["rules"]["CL"]["beta"] is None


def test_the_resistive_network_learns_by_held_outputs_and_by_sweeps(squares, monkeypatch):
    monkeypatch.setattr(settings, "RULES", ("CCpL", "RBP"))
    monkeypatch.setattr(settings, "PHYSICAL", {"CCpL": paper.PHYSICAL["CCpL"]})
    outcome = paper.run(Request(quick=True, epochs=8, data_folder=squares), "resistive")
    assert outcome.passed, outcome.missed


def test_what_is_unknown_is_refused():
    with pytest.raises(ValueError, match=r"'convolutional'.*resistive, hopfield, hopfield-2 or both"):
        paper.run(Request(), "convolutional")
    with pytest.raises(ValueError, match="'k-mnist'"):
        paper.run(Request(), "both", "k-mnist")
