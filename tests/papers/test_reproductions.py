"""``ebana reproduce --quick`` on the real images, where they are found: the shortened runs reach their bars.

MNIST and K-MNIST are looked for in ``$EBANA_DATA``, in a folder ``shared/data`` beside the repository and in
the user's cache; Fashion-MNIST also where Debian has it.
"""

import json
from pathlib import Path

import pytest

from ebana.cli import main
from ebana.datasets.search_paths import find
from ebana.datasets.sources import SOURCES

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


def folder_of(name):
    """The folder with a set's files; skips the test where there is none."""
    for place in (None, BESIDE / name):
        try:
            return next(iter(find(SOURCES[name], place).values())).parent
        except FileNotFoundError:
            continue
    pytest.skip(f"the files of {name} are not here; set EBANA_DATA to their folder")


@pytest.fixture
def quick(capsys):
    """Runs a quick version: ``quick("mnist", "kendall2020")``."""

    def run(data, *command):
        options = ["--data-folder", str(folder_of(data))] if data else []
        code = main(["reproduce", *command, *options, "--quick", "--json"])
        result = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert result["passed"] is True, result["missed"]
        assert result["quick"] is True
        assert code == 0
        return result

    return run


def test_kendall2020(quick):
    ours = quick("mnist", "kendall2020")["ours"]
    assert ours["seeds"][0]["unconverged"] == 0


@pytest.mark.parametrize("model", ["xs", "1h", "2h", "3h", "xl"])
def test_scellier2024(model, quick):
    quick("mnist", "scellier2024", "--model", model)


@pytest.mark.parametrize("model", ["xs", "3h"])
def test_scellier2024_with_the_settings_of_the_paper(model, quick):
    result = quick("mnist", "scellier2024", "--model", model, "--published-settings")
    assert result["settings"]["batch_size"] == 4


@pytest.mark.parametrize("data", ["fashion-mnist", "k-mnist"])
def test_scellier2024_on_other_images(data, quick):
    quick(data, "scellier2024", "--model", "1h", "--data", data)


@pytest.mark.parametrize("network", ["resistive", "hopfield", "hopfield-2"])
def test_scellier2023_trains_by_nine_rules(network, quick):
    found = quick("mnist", "scellier2023", "--network", network)["ours"]["networks"]
    assert found.keys() == {network}
    assert set(found[network]) == {"CL", "PEP", "NEP", "CEP", "PCpL", "NCpL", "CCpL", "TBP", "RBP"}


def test_ebana2022_fashion_stands_beside_backpropagation(quick):
    ours = quick("fashion-mnist", "ebana2022", "--fashion")["ours"]
    assert ours["epochs"] == 1
    assert ours["baselines"][0]["name"] == "backpropagation, ReLU, 128-100-10"


def test_ebana2022_table_1_is_quicker_than_published(quick):
    rows = quick(None, "ebana2022", "--table", "1")["ours"]["rows"]
    assert rows.keys() == {"xor", "iris", "wine"}


def test_baselines_stand_beside_ours(quick):
    ours = quick("mnist", "scellier2024", "--model", "xs", "--baselines")["ours"]
    errors = {baseline["name"]: baseline["test_error_percent"] for baseline in ours["baselines"]}
    assert errors.keys() == {"logistic regression", "software EP, 784-100-10"}
    assert all(0 < error < 30 for error in errors.values())
