"""Data: named arrays, checked once, and the batches that training draws from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from ebana._types import Data
from ebana.learning.losses import as_targets
from ebana.shown import Shown, Table, brief

Arrays = dict[str, np.ndarray]
Names = Mapping[str, int] | Sequence[str]
"""Names of layers, with their numbers of units where these are to be checked."""


class Dataset(Shown):
    """Inputs and targets by layer name, one row a sample.

    Args:
        inputs: ``{layer: (samples, units)}``, volts; a 1-D array is one column. Arrays are copied, as float64,
            or as float32 where that is what they are.
        outputs: ``{layer: (samples, units)}``, targets in output units, or one class number a sample;
            None for data without targets.

    Raises:
        ValueError: for arrays that are empty, not finite, not two-dimensional or of unequal length.

    Example:
        >>> data = Dataset(inputs={"x": [[0.0, 1.0], [1.0, 0.0]]}, outputs={"c1": [1.0, 0.0]})
        >>> len(data), data.outputs["c1"].shape
        (2, (2, 1))
    """

    def __init__(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None = None) -> None:
        self.inputs = _checked(inputs, "inputs")
        self.outputs = _checked(outputs, "outputs") if outputs is not None else {}
        if not self.inputs:
            raise ValueError("dataset has no inputs. Expected a dictionary of arrays by layer name.")
        _check_lengths(self.inputs | {f"{name} (target)": a for name, a in self.outputs.items()})

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def select(self, rows: np.ndarray | slice) -> Dataset:
        """The samples at these rows, unchecked because they have been checked."""
        part = object.__new__(Dataset)
        part.inputs = {name: array[rows] for name, array in self.inputs.items()}
        part.outputs = {name: array[rows] for name, array in self.outputs.items()}
        return part

    def __repr__(self) -> str:
        def shapes(arrays: Arrays) -> str:
            return brief(f"{name}: {array.shape[1]}" for name, array in arrays.items()) if arrays else ""

        inputs, outputs = shapes(self.inputs), shapes(self.outputs)
        return f"Dataset({len(self)} samples, inputs {{{inputs}}}, outputs {{{outputs}}})"

    def _tables(self) -> Iterator[Table]:
        parts = {"input (V)": self.inputs, "target": self.outputs}
        rows = [
            (name, part, a.shape[1], a.min(initial=np.inf), a.max(initial=-np.inf))
            for part, arrays in parts.items()
            for name, a in arrays.items()
        ]
        yield Table(f"{len(self)} samples", ("name", "part", "columns", "least", "largest"), rows)


DataSet = Dataset


class BatchGenerator:
    """Batches of a data set.

    Iterating over it is one pass over the data; each pass shuffles anew. ``next(generator)`` goes on from
    pass to pass without end. The last batch of a pass is smaller where the batch size does not divide
    the number of samples: no sample is left out.

    Args:
        dataset: a :class:`Dataset`, or ``{"inputs": {...}, "outputs": {...}}``.
        batch_size: samples in a batch, from 1; None (or more than there are) for all in one batch.
        shuffle: whether each pass has an order of its own.
        seed: the order follows from the seed and the number of the pass alone, so training can resume
            at any pass with the same batches.

    Example:
        >>> batches = BatchGenerator(Dataset({"x": np.arange(5.0)}, {"c1": np.arange(5.0)}), batch_size=2)
        >>> [len(batch) for batch in batches], batches.num_batches
        ([2, 2, 1], 3)
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = None, shuffle: bool = False, seed: int = 0
    ) -> None:
        self.dataset = as_dataset(dataset, need_outputs=False)
        self.dataset_size = len(self.dataset)
        wanted = self.dataset_size if batch_size is None else _whole("batch_size", batch_size, 1)
        self.batch_size = min(wanted, self.dataset_size)
        self.shuffle = bool(shuffle)
        self.seed = _whole("seed", seed, 0)
        self._pass = 0
        self._cycle: Iterator[Dataset] | None = None

    @property
    def num_batches(self) -> int:
        """Number of batches in one pass."""
        return -(-self.dataset_size // self.batch_size)

    def permutation(self, epoch: int) -> np.ndarray:
        """Order of the samples in pass number ``epoch`` (from 0), ``(samples,)``."""
        if not self.shuffle:
            return np.arange(self.dataset_size)
        return np.random.default_rng([self.seed, epoch]).permutation(self.dataset_size)

    def batches(self, epoch: int) -> Iterator[Dataset]:
        """The batches of pass number ``epoch`` (from 0)."""
        order = self.permutation(epoch)
        for start in range(0, self.dataset_size, self.batch_size):
            yield self.dataset.select(order[start : start + self.batch_size])

    def __iter__(self) -> Iterator[Dataset]:
        current, self._pass = self._pass, self._pass + 1
        return self.batches(current)

    def __next__(self) -> Dataset:
        if self._cycle is None:
            self._cycle = iter(self)
        batch = next(self._cycle, None)
        if batch is None:
            self._cycle = iter(self)
            batch = next(self._cycle)
        return batch

    def __len__(self) -> int:
        return self.num_batches


def as_dataset(
    data: Data,
    y: Data = None,
    input_names: Names | None = None,
    output_names: Names | None = None,
    *,
    need_outputs: bool = True,
) -> Dataset:
    """Bring whatever holds data into one form, checked against the layers of a model.

    Args:
        data: a :class:`Dataset`, a :class:`BatchGenerator`, ``{"inputs": .., "outputs": ..}``, a pair
            ``(x, y)``, inputs by layer name, or one array for the model's only input.
        y: targets by layer name, or one array for the model's only output; with inputs alone as ``data``.
        input_names, output_names: the model's layers; with their numbers of units as a dictionary, widths
            are checked and class numbers become one-hot rows. None to take any.
        need_outputs: whether targets must be there.

    Raises:
        ValueError: naming the layer, what was received and what was expected.

    Example:
        >>> as_dataset([[0.0], [1.0]], [0, 1], {"x": 1}, {"c1": 2}).outputs["c1"].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    found = _collect(data, y, input_names, output_names)
    if input_names is not None:
        found.inputs = _in_order(found.inputs, input_names, "inputs", "input layers")
        _check_widths(found.inputs, input_names)
    if output_names is not None and (need_outputs or found.outputs):
        found.outputs = _in_order(found.outputs, output_names, "outputs", "output layers")
        found.outputs = _as_units(found.outputs, output_names)
    if need_outputs and not found.outputs:
        raise ValueError("the data has no targets. Expected outputs={layer: array}, or y.")
    return found


def _collect(data: Data, y: Data, input_names: Names | None, output_names: Names | None) -> Dataset:
    if data is None:
        raise ValueError("there is no data (None). Expected a Dataset, arrays by layer name, or x and y.")
    if isinstance(data, Dataset | BatchGenerator):
        if y is not None:
            raise ValueError(f"got a {type(data).__name__} and y as well. Give one source of targets.")
        whole = data if isinstance(data, Dataset) else data.dataset
        return whole.select(slice(None))
    if y is None and _is_pair(data):
        data, y = data
    elif _holds_both(data):
        if y is not None:
            raise ValueError("got a dictionary with 'inputs' and y as well. Give one source of targets.")
        data, y = data["inputs"], data.get("outputs")
    inputs = _by_name(data, input_names, "input")
    return Dataset(inputs, None if y is None else _by_name(y, output_names, "output"))


def _is_pair(data: Data) -> TypeGuard[tuple[Data, Data] | list[Data]]:
    """Whether the data are inputs and targets side by side: a tuple of two, or a list of two that are no numbers."""
    if isinstance(data, list):
        return len(data) == 2 and all(np.ndim(part) > 0 and not isinstance(part, list) for part in data)
    return isinstance(data, tuple) and len(data) == 2


def _holds_both(data: Data) -> TypeGuard[Mapping[str, Any]]:
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("inputs"), Mapping)
        and set(data) <= {"inputs", "outputs"}
    )


def _by_name(data: Data, names: Names | None, what: str) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    known = list(names or ())
    if len(known) != 1:
        raise ValueError(
            f"got one array ({type(data).__name__}) for {len(known)} {what} layers {known}. "
            f"Expected a dictionary of arrays by layer name."
        )
    return {known[0]: data}


def _in_order(arrays: Arrays, names: Names, what: str, of: str) -> Arrays:
    missing = [name for name in names if name not in arrays]
    unknown = [name for name in arrays if name not in names]
    if missing or unknown:
        parts = [f"lack {missing}"] * bool(missing) + [f"have unknown {unknown}"] * bool(unknown)
        raise ValueError(
            f"the data's {what} {' and '.join(parts)}. Expected the {of} {list(names)}; "
            f"received {list(arrays)}."
        )
    return {name: arrays[name] for name in names}


def _check_widths(arrays: Arrays, names: Names) -> None:
    if not isinstance(names, Mapping):
        return
    for name, array in arrays.items():
        if array.shape[1] != names[name]:
            raise ValueError(
                f"input {name!r} has {array.shape[1]} columns. Expected {names[name]}, one a unit."
            )


def _as_units(arrays: Arrays, names: Names) -> Arrays:
    if not isinstance(names, Mapping):
        return arrays
    return {name: as_targets(array, names[name], name) for name, array in arrays.items()}


def _checked(arrays: Mapping[str, Any], what: str) -> Arrays:
    if not isinstance(arrays, Mapping):
        raise ValueError(
            f"{what}: got {type(arrays).__name__}. Expected a dictionary of arrays by layer name."
        )
    return {str(name): _array(array, f"{what[:-1]} {str(name)!r}") for name, array in arrays.items()}


def _array(data: Data, what: str) -> np.ndarray:
    """A copy as float64 (float32 stays what it is), ``(samples, columns)``, checked."""
    _refuse_what_is_no_number(data, what)
    try:
        single = isinstance(data, np.ndarray) and data.dtype == np.float32
        array = np.array(data, dtype=np.float32 if single else np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} is not an array of numbers ({error}). Expected shape (samples, units)."
        ) from None
    if array.ndim == 0:
        raise ValueError(f"{what} is the single value {array}. Expected an array (samples, units).")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(
            f"{what} has the shape {array.shape}. Expected (samples, units); reshape it, "
            "as in x.reshape(len(x), -1)."
        )
    if array.shape[0] == 0:
        raise ValueError(f"{what} has no samples. Expected at least one.")
    if not np.isfinite(array).all():
        row, column = map(int, np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{what}: sample {row}, column {column} is {array[row, column]}. Expected finite numbers; "
            "remove or fill in such samples."
        )
    return array


def _refuse_what_is_no_number(data: Data, what: str) -> None:
    """Masks, imaginary parts, dates and words would be dropped, or read as numbers, without a word."""
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(
            f"{what} is a masked array with {int(np.ma.count_masked(data))} masked values. Expected plain numbers; "
            "fill them in with .filled(value), or leave these samples out."
        )
    types = getattr(data, "dtypes", None)  # of a table of pandas, one type a column
    try:
        if types is not None and hasattr(types, "items"):
            found = [dtype for _, dtype in types.items()]
        else:
            found = [np.asarray(data).dtype]
    except ValueError:  # rows of different lengths: told by what comes next
        return
    kinds = {getattr(dtype, "kind", "O") for dtype in found}
    bad = sorted(kinds & set(_NO_NUMBERS))
    if bad:
        raise ValueError(
            f"{what} is not an array of numbers: it holds {' and '.join(_NO_NUMBERS[kind] for kind in bad)}. "
            "Expected real numbers, shape (samples, units)."
        )


_NO_NUMBERS = {
    "c": "complex numbers",
    "M": "dates",
    "m": "durations",
    "U": "text",
    "S": "bytes",
    "V": "records",
}


def _check_lengths(arrays: Arrays) -> None:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name}: {n}" for name, n in lengths.items())
        raise ValueError(
            f"arrays hold unequal numbers of samples ({counts}). Expected one row a sample in each."
        )


def _whole(what: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{what}={value!r}. Expected a whole number of at least {least}.")
    return int(value)
