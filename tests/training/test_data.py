"""Data: every accepted form becomes the same data set; everything else is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.training.data import BatchGenerator, DataSet, Dataset, as_dataset

X = np.arange(12.0).reshape(6, 2)
Y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
BOTH = {"inputs": {"x": X}, "outputs": {"c1": Y}}
WIDTHS = ({"x": 2}, {"c1": 3})


@pytest.mark.parametrize(
    ("data", "y"),
    [
        (Dataset(**BOTH), None),
        (BOTH, None),
        (BatchGenerator(Dataset(**BOTH), 2, shuffle=True), None),
        (BatchGenerator(BOTH, 2), None),
        ((X, Y), None),
        (X, Y),
        (X.tolist(), Y.tolist()),
        ({"x": X}, {"c1": Y}),
        ({"x": X}, Y),
        (X, [0, 1, 2, 0, 1, 2]),
        (X.astype(np.float32), np.array([[0], [1], [2], [0], [1], [2]], dtype=np.uint8)),
    ],
    ids=[
        "Dataset",
        "dict",
        "batches",
        "batches of dict",
        "pair",
        "x, y",
        "lists",
        "named",
        "mixed",
        "classes",
        "column",
    ],
)
def test_every_form_gives_the_same(data, y):
    found = as_dataset(data, y, *WIDTHS)
    np.testing.assert_array_equal(found.inputs["x"], X)
    np.testing.assert_array_equal(found.outputs["c1"], Y)
    single = isinstance(data, np.ndarray) and data.dtype == np.float32
    assert found.inputs["x"].dtype == (np.float32 if single else np.float64)  # images stay half as large
    assert found.outputs["c1"].dtype == np.float64
    assert len(found) == 6


def test_layers_come_in_the_models_order():
    found = as_dataset({"b": X, "a": X}, {"d": Y, "c": Y}, ["a", "b"], ["c", "d"])
    assert (list(found.inputs), list(found.outputs)) == (["a", "b"], ["c", "d"])


def test_names_will_do_without_widths():
    found = as_dataset(X, Y[:, :2], ["x"], ["c1"])
    assert found.outputs["c1"].shape == (6, 2)


def test_one_dimension_is_one_column():
    assert Dataset({"x": np.arange(3)}, {"c1": [1, 2, 3]}).inputs["x"].shape == (3, 1)


def test_inputs_alone_will_do_for_prediction():
    assert as_dataset(X, None, *WIDTHS, need_outputs=False).outputs == {}
    assert len(Dataset({"x": X})) == 6


def test_the_users_arrays_are_copied():
    x = X.copy()
    data = Dataset({"x": x})
    x[:] = 0
    np.testing.assert_array_equal(data.inputs["x"], X)


def test_normalising_leaves_the_users_data_set_alone():
    data = Dataset({"x": X}, {"c1": [0, 1, 2, 0, 1, 2]})
    as_dataset(data, None, *WIDTHS)
    assert data.outputs["c1"].shape == (6, 1)


def bad(x=X, y=Y):
    return {"inputs": {"x": x}, "outputs": {"c1": y}}


def holed(value, where=(3, 1)):
    x = X.copy()
    x[where] = value
    return x


@pytest.mark.parametrize(
    ("data", "y", "message"),
    [
        (bad(holed(np.nan)), None, r"input 'x': sample 3, column 1 is nan"),
        (bad(holed(np.inf)), None, r"input 'x': sample 3, column 1 is inf"),
        (bad(y=holed(-np.inf)), None, r"output 'c1': sample 3, column 1 is -inf"),
        (bad(X[:4]), None, r"unequal numbers of samples \(x: 4, c1 \(target\): 6\)"),
        (bad(X[:0], Y[:0]), None, r"input 'x' has no samples"),
        (bad(np.zeros((6, 2, 2))), None, r"input 'x' has the shape \(6, 2, 2\). Expected \(samples, units\)"),
        (bad(np.array(["a"] * 6)), None, r"input 'x' is not an array of numbers"),
        (bad([[1.0], [2.0, 3.0]]), None, r"input 'x' is not an array of numbers"),
        (bad(np.zeros((6, 3))), None, r"input 'x' has 3 columns. Expected 2"),
        (bad(y=np.zeros((6, 2))), None, r"'c1' have the shape \(6, 2\). Expected \(samples, 3\)"),
        (bad(y=[0, 1, 2, 3, 0, 1]), None, r"'c1': sample 3 has the class 3"),
        (
            {"inputs": {"z": X}, "outputs": {"c1": Y}},
            None,
            r"lack \['x'\] and have unknown \['z'\].*received \['z'\]",
        ),
        ({"inputs": {"x": X}, "outputs": {}}, None, r"outputs lack \['c1'\]"),
        ({"x": X}, None, r"outputs lack \['c1'\]"),
        (bad(), Y, "y as well"),
        (Dataset(**BOTH), Y, "Dataset and y as well"),
        (None, None, "no data"),
        (3.0, None, "single value"),
        ({}, None, "no inputs"),
    ],
)
def test_bad_data_is_named(data, y, message):
    with pytest.raises(ValueError, match=message):
        as_dataset(data, y, *WIDTHS)


def test_one_array_for_several_layers_is_refused():
    with pytest.raises(ValueError, match=r"one array \(ndarray\) for 2 input layers \['a', 'b'\]"):
        as_dataset(X, Y, ["a", "b"], ["c1"])


def test_inputs_that_are_no_dictionary_are_named():
    with pytest.raises(ValueError, match=r"inputs: got ndarray. Expected a dictionary"):
        Dataset(X, Y)  # type: ignore[arg-type]
    assert DataSet is Dataset


# -- batches -------------------------------------------------------------------------------------------


@given(
    n=st.integers(1, 30),
    size=st.integers(1, 40),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
    shuffle=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_pass_visits_each_sample_once(n, size, seed, epoch, shuffle):
    batches = BatchGenerator(Dataset({"x": np.arange(n)}, {"y": np.arange(n)}), size, shuffle, seed)
    parts = list(batches.batches(epoch))
    assert len(parts) == batches.num_batches == len(batches)
    assert {len(part) for part in parts[:-1]} <= {batches.batch_size}
    seen = np.concatenate([part.inputs["x"][:, 0] for part in parts])
    np.testing.assert_array_equal(np.sort(seen), np.arange(n))
    np.testing.assert_array_equal(seen, batches.permutation(epoch))
    for part in parts:
        np.testing.assert_array_equal(part.inputs["x"], part.outputs["y"])


def test_order_follows_from_seed_and_epoch_alone():
    def order(seed, epoch, size=4):
        return BatchGenerator(Dataset({"x": np.arange(50)}), size, True, seed).permutation(epoch).tolist()

    assert order(1, 2) == order(1, 2, size=7)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    order(1, 2)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_each_pass_shuffles_anew_and_next_goes_on():
    data = Dataset({"x": np.arange(5)})
    one, other = BatchGenerator(data, 2, True), BatchGenerator(data, 2, True)
    passes = [np.concatenate([b.inputs["x"] for b in one]) for _ in range(2)]
    assert passes[0].tolist() != passes[1].tolist()
    flat = np.concatenate([next(other).inputs["x"] for _ in range(6)])
    np.testing.assert_array_equal(flat, np.concatenate(passes))


def test_without_shuffling_the_order_is_that_of_the_data():
    assert BatchGenerator(Dataset({"x": np.arange(5)}), 2).permutation(3).tolist() == [0, 1, 2, 3, 4]


def test_attributes():
    batches = BatchGenerator(Dataset({"x": np.arange(5)}), 2)
    assert (batches.dataset_size, batches.batch_size, batches.num_batches) == (5, 2, 3)
    assert BatchGenerator(Dataset({"x": np.arange(5)})).batch_size == 5
    assert BatchGenerator(Dataset({"x": np.arange(5)}), 99).batch_size == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": -3}, "batch_size=-3"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"batch_size": True}, "batch_size=True"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        BatchGenerator(Dataset({"x": np.arange(5)}), **options)
