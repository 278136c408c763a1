"""Options of the published framework: taken, mapped or refused, never ignored."""

import pytest

from ebana.training.metrics import Metrics


@pytest.mark.parametrize(
    ("given", "epochs", "batches"),
    [
        (None, 1, None),
        ({"epoch_num": 10}, 10, None),
        ({"epoch": 2}, 2, None),
        ({"batch_num": 5}, None, 5),
        ({"batch": 1}, None, 1),
        (3, 3, None),
    ],
)
def test_when_to_validate(given, epochs, batches):
    metrics = Metrics(validate_every=given)
    assert (metrics.every_epochs, metrics.every_batches) == (epochs, batches)


@pytest.mark.parametrize(
    "given",
    [{"epochs": 1}, {}, {"epoch": 1, "batch": 1}, {"epoch": 0}, {"batch": 1.5}, {"epoch": True}, 0, "epoch"],
)
def test_bad_periods_are_named(given):
    with pytest.raises(ValueError, match="validate_every"):
        Metrics(validate_every=given)


def test_published_call():
    model = object()
    metrics = Metrics(model, verbose=True, validate_every={"epoch_num": 10})
    assert metrics.model is model
    assert metrics.verbose is True
    assert metrics.keep_states is False
    assert Metrics(verbose=None).verbose is None


@pytest.mark.parametrize("option", ["save_output_voltages", "save_phase_data"])
@pytest.mark.parametrize("value", [True, ["c1"], {"epoch_num": 1}])
def test_voltages_are_recorded_on_request(option, value):
    assert Metrics(**{option: value}).keep_states
    assert Metrics(save_output_voltages=value).callbacks == []


def test_what_is_saved_batch_by_batch_is_a_callback():
    assert Metrics(save_phase_data=False, save_batch_data=None).callbacks == []
    (record,) = Metrics(save_phase_data=True, save_injected_currents=True).callbacks
    assert repr(record) == "Record(phases=True, currents=True, values=False)"


def test_what_is_not_available_says_where_to_find_it():
    Metrics(save_power_params=False)
    Metrics(save_power_params=None)
    with pytest.raises(ValueError, match=r"save_power_params=True\) is not available. Instead,"):
        Metrics(save_power_params=True)
