"""Files and names from other hands: damaged, deep, made to fill the memory, no files at all."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import os
import sys
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from benchmarks.faults import files
from hypothesis import given
from hypothesis import strategies as st

from ebana import (
    AmplificationLayer,
    ConcatenateLayer,
    CorruptFile,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    History,
    HopfieldNetwork,
    InputVoltageLayer,
    JunctionDiode,
    Layer,
    Model,
    ReshapeLayer,
    load_model,
)
from ebana.circuit import CircuitBuilder
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.names import CONTROL, printable
from ebana.physics.nudge import Nudge
from ebana.serialization import KNOWN
from ebana.storage import archive as storage
from ebana.storage.described import number
from ebana.storage.files import NotRegular
from ebana.training.callbacks import Checkpoint, CSVLogger
from helpers.nets import dense, linear

MUTATED = 2000

# -- mutated files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", files.subjects(), ids=lambda subject: subject.name)
def test_a_damaged_file_is_refused_or_whole(subject):
    counted = files.count(subject, math.ceil(MUTATED / len(files.subjects())))
    assert counted.wrong == 0, counted.note
    assert "; " not in counted.note


def test_the_count_tells_what_is_wrong():
    def careless(path: Path) -> None:
        metadata, _ = storage.read(path, "history")
        assert metadata["columns"]["history"][0].upper()
        assert metadata["settings"]["loss"]["class"]

    (whole,) = (subject for subject in files.subjects() if subject.name == "histories")
    counted = files.count(files.Subject("careless", whole.content, careless), 200)
    assert counted.wrong > 2
    assert "Error" in counted.note


def test_the_mutated_models_hold_every_kind_of_layer(tmp_path):
    (whole,) = (subject for subject in files.subjects() if subject.name == "models with every layer")
    (tmp_path / "f").write_bytes(whole.content)
    metadata, _ = storage.read(tmp_path / "f", "model")
    assert {entry["class"] for entry in metadata["layers"].values()} == set(KNOWN)


def test_every_layer_states_what_it_may_store(tmp_path):
    (whole,) = (subject for subject in files.subjects() if subject.name == "models with every layer")
    (tmp_path / "f").write_bytes(whole.content)
    for signal in load_model(tmp_path / "f").signals:
        assert signal.layer.config().keys() <= signal.layer.stored.keys()


# -- descriptions ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[dict, dict]:
    path = tmp_path_factory.mktemp("saved") / "model"
    linear().save(path)
    return storage.read(path, "model")


def rewritten(path: Path, saved: tuple[dict, dict], change) -> Path:
    """The saved model with its description changed."""
    metadata, arrays = (
        json.loads(json.dumps(saved[0])),
        {name: dict(named) for name, named in saved[1].items()},
    )
    change(metadata, arrays)
    storage.write(path, "model", metadata, arrays)
    return path


def layer(metadata: dict, name: str) -> dict:
    return metadata["layers"][name]["config"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m, a: m.pop("seed"), r"the description has no 'seed'"),
        (lambda m, a: m.update(seed=-1), r"the description\['seed'\] is -1. Expected a whole number from 0"),
        (lambda m, a: m.update(seed=True), r"\['seed'\] is True"),
        (lambda m, a: m.update(name="\x1b[2J"), r"\['name'\] is '\\x1b\[2J'. Expected a name without control"),
        (lambda m, a: m.update(layers=[]), r"\['layers'\] is \[\]. Expected names with values"),
        (lambda m, a: layer(m, "d").update(lr="fast"), r"\['layers'\]\['d'\]\['config'\]\['lr'\] is 'fast'"),
        (lambda m, a: layer(m, "d").update(units=1e9), r"\['units'\] is 1000000000.0. Expected a whole number"),
        (lambda m, a: layer(m, "d").update(units=4), r"'d/conductance' has shape \(3, 4\). Expected \(3, 2\)"),
        (lambda m, a: layer(m, "d").update(why=1), r"Expected no 'why', but some of name, enabled, units"),
        (lambda m, a: layer(m, "d").pop("units"), r"arguments of DenseLayer: missing a required argument: 'units'"),
        (lambda m, a: layer(m, "d").update(name="e"), r"\['name'\] is 'e'. Expected 'd'"),
        (lambda m, a: layer(m, "x").update(inverts="x"), r"\['inverts'\] is 'x'. Expected the name of a plain input"),
        (lambda m, a: m["layers"]["d"].update(calls=[[1, [["j", 0]]]]), r"Expected calls numbered from 0"),
        (lambda m, a: m["layers"]["d"].update(calls=[[0, [["y", 0]]]]), r"its layers 'd', 'y' are connected in a loop"),
        (lambda m, a: m["layers"]["d"].update(calls=[[0, [["j", 1]]]]), r"\[0\]\[1\]\[0\]\[1\] is 1"),
        (lambda m, a: m.update(inputs=[["z", 0]]), r"\['inputs'\]\[0\]\[0\] is 'z'. Expected the name of a layer"),
        (lambda m, a: a["values"].pop("b/voltage"), r"values do not fit its description: it lacks 'b/voltage'"),
        (lambda m, a: a["values"].update({"d/conductance": np.ones((2, 3))}), r"of shape \(2, 3\). Expected"),
        (lambda m, a: a["values"].update({"d/conductance": np.ones((3, 2), int)}), r"are int64 of shape"),
        (lambda m, a: a["values"].update({"b/voltage": np.array([np.nan])}), r"hold NaN or infinity"),
        (lambda m, a: a["values"].update({"d/conductance": -np.ones((3, 2))}), r"a model cannot be made of it"),
    ],
)  # fmt: skip
def test_the_place_is_named(tmp_path, saved, change, said):
    path = rewritten(tmp_path / "odd.ebana", saved, change)
    with pytest.raises(CorruptFile, match=rf"cannot use .*odd.ebana: .*{said}"):
        load_model(path)


class Leak(Layer):
    """A layer of the user's own that states what it stores."""

    stored = Layer.stored | {"siemens": number}

    def __init__(self, name, siemens=1e-6, enabled=True):
        super().__init__(name, enabled=enabled)
        self.siemens = siemens + 0.0

    def add(self, build, signal, inputs, rng):
        build.resistors(signal.name, inputs[0], build.ground(inputs[0].size), self.siemens)
        return inputs[0]

    def config(self):
        return super().config() | {"siemens": self.siemens}


@pytest.mark.parametrize("siemens", ["1e-6", None, [1e-6], True])
def test_a_layer_of_ones_own_is_checked_by_what_it_states(tmp_path, siemens):
    x = InputVoltageLayer(2, "x")
    Model(x, CurrentLayer("y")(Leak("leak")(dense(2, "d")(x)))).save(tmp_path / "f")
    custom = {"Leak": Leak}
    assert load_model(tmp_path / "f", custom_layers=custom).values["leak/conductance"].tolist() == [1e-6] * 2
    kept = storage.read(tmp_path / "f", "model")
    path = rewritten(tmp_path / "f", kept, lambda m, a: layer(m, "leak").update(siemens=siemens))
    with pytest.raises(
        CorruptFile, match=r"\['leak'\]\['config'\]\['siemens'\] is .* Expected a finite number"
    ):
        load_model(path, custom_layers=custom)


def test_inputs_that_invert_each_other_are_refused(tmp_path):
    x = InputVoltageLayer(2, "x")
    n = InputVoltageLayer(name="n", inverts=x)
    Model(x, CurrentLayer("y")(dense(2, "d")(ConcatenateLayer("j")([x, n])))).save(tmp_path / "f")
    saved = storage.read(tmp_path / "f", "model")
    path = rewritten(tmp_path / "f", saved, lambda m, a: layer(m, "x").update(inverts="n"))
    with pytest.raises(
        CorruptFile, match=r"\['inverts'\] is '[nx]'. Expected the name of a plain input layer"
    ):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 10**6, "nested deeper than 64 levels"),
        ('{"a":' * 10**5, "nested deeper than 64 levels"),
        ('"' + '\\"' * 10**6, "damaged or cut short"),
        ('{"a": 1, "a": 2}', "a name occurs twice"),
        ('{"a": NaN}', "holds NaN"),
        ('{"a": 1e999}', "a number beyond float64"),
        ('{"a": "\\ud800"}', r"half a character in '\\ud800'"),
        ('{"\\ud800": 1}', "half a character"),
        ("1" * 10**5, "damaged or cut short"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_description_is_said_at_once(text, said):
    content = files_with(text)
    with pytest.raises(CorruptFile, match=said):
        storage.unpack(content, "model", "f")


def files_with(text: str) -> bytes:
    from benchmarks.mutations import _packed

    return _packed([("manifest.json", text.encode())])


@given(st.text(max_size=20), st.integers(0, 63))
def test_nesting_is_counted_outside_of_strings_alone(text, depth):
    held = {"a": text}
    for _ in range(depth - 1):
        held = [held]
    if depth:
        storage.decode(json.dumps(held).encode())
    with pytest.raises(ValueError, match="nested deeper"):
        storage.decode(f"{'[' * 65}{json.dumps(text)}{']' * 65}".encode())


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    deep = []
    for _ in range(100):
        deep = [deep]
    for settings in ({"deep": deep}, {"half": "\ud800"}):
        with pytest.raises(ValueError, match=r"nested deeper|half a character"):
            History(settings).save(tmp_path / "h")
    assert not os.listdir(tmp_path)


# -- memory and time bounded by the size of the file -------------------------------------------------


def wide(m, a):
    layer(m, "x").update(units=10**8)


def wide_crossbar(m, a):
    layer(m, "d").update(units=10**5)
    layer(m, "x").update(units=10**5)


def doubled(m, a):
    """Twenty concatenations of the one before with itself."""
    before = "j"
    for i in range(40):
        config = {"name": f"c{i}", "enabled": True}
        m["layers"][f"c{i}"] = {
            "class": "ConcatenateLayer",
            "config": config,
            "calls": [[0, [[before, 0]] * 2]],
        }
        before = f"c{i}"
    m["layers"]["y"]["calls"] = [[0, [[before, 0]]]]


def many_times(m, a):
    m["layers"]["j"]["calls"] = [[0, [["x", 0]] * 10**4]]


def wide_windows(m, a):
    config = {
        "name": "l",
        "enabled": True,
        "filters": 10**5,
        "kernel_size": [10**5, 10**5],
        "strides": [1, 1],
    }
    config |= {"padding": "same", "initializer": "uniform"}
    m["layers"]["r"] = {
        "class": "ReshapeLayer", "config": {"name": "r", "enabled": True, "shape": [3, 1, 1]},
        "calls": [[0, [["j", 0]]]],
    }  # fmt: skip
    m["layers"]["l"] = {"class": "LocallyConnected2DLayer", "config": config, "calls": [[0, [["r", 0]]]]}
    m["layers"]["y"]["calls"] = [[0, [["l", 0]]]]


def announced(m, a):
    a["values"]["d/conductance"] = np.zeros((10**15, 0))


@pytest.mark.parametrize("change", [wide, wide_crossbar, doubled, many_times, wide_windows, announced])
def test_a_small_file_takes_little_memory(tmp_path, saved, change):
    path = rewritten(tmp_path / "f", saved, change)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile):
            load_model(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20e6 + 100 * path.stat().st_size


def test_a_network_without_values_that_could_not_be_read_is_not_written(tmp_path):
    x = InputVoltageLayer(2**17, "x")
    model = Model(x, CurrentLayer("y")(AmplificationLayer(2.0, "amp")(x)))
    with pytest.raises(ValueError, match=r"hands \d+ nodes from layer to layer.*save_values"):
        model.save(tmp_path / "f")
    assert not os.listdir(tmp_path)


def test_wide_windows_see_the_whole_image():
    from ebana import LocallyConnected2DLayer

    x = InputVoltageLayer(6, "x")
    image = ReshapeLayer("r", (2, 3, 1))(x)
    shapes = []
    for kernel in (6, 7, 1000):
        model = Model(
            x, CurrentLayer("y")(LocallyConnected2DLayer(1, kernel, padding="same", name="l")(image))
        )
        shapes.append(model.values["l/conductance"].shape)
        image = ReshapeLayer("r", (2, 3, 1))(x := InputVoltageLayer(6, "x"))
    assert shapes == [(36,)] * 3


# -- deep networks -----------------------------------------------------------------------------------


def chain(layers: int) -> Model:
    """Crossbars after each other."""
    x = InputVoltageLayer(2, "x")
    h = x
    for i in range(layers):
        h = dense(2, f"d{i}")(h)
    return Model(x, CurrentLayer("y")(h))


def deep(layers: int) -> Model:
    """Crossbars after each other with diodes at every tenth, and amplifiers."""
    x = InputVoltageLayer(2, "x")
    h = x
    for i in range(layers):
        h = dense(2, f"d{i}")(h)
        if i % 10 == 0:
            h = DiodeLayer(f"down{i}", bias=0.2)(h)
        h = AmplificationLayer(2.0, f"amp{i}")(h)
    return Model(x, CurrentLayer("y")(h), name="deep")


def rearranged(layers: int) -> Model:
    """Sources and nodes that are handed on by many layers that make no nodes; each way forks and joins."""
    x = InputVoltageLayer(4, "x")
    h, before = x, dense(4, "before")(x)
    for i in range(layers):
        h = ReshapeLayer(f"r{i}", (-1,))(ReshapeLayer(f"q{i}", (2, 2))(h))
        before = DiodeLayer(f"a{i}", bias=0.3)(before)
    joined = ConcatenateLayer("j")([h, before])
    return Model(x, CurrentLayer("y")(dense(2, "d")(joined)))


@pytest.fixture(scope="module")
def thousand() -> Model:
    return deep(1000)


@pytest.fixture
def shallow_stack():
    """What a thousand layers may not need: a stack of their number."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(limit)


def test_a_network_of_a_thousand_layers_is_built_looked_at_and_written(tmp_path, thousand, shallow_stack):
    assert len(thousand.signals) == 2102
    text = thousand.summary(print_fn=len)
    assert "amp999" in text
    thousand.save(tmp_path / "f")
    again = load_model(tmp_path / "f")
    assert [s.name for s in again.signals] == [s.name for s in thousand.signals]
    assert all(np.array_equal(value, again.values[name]) for name, value in thousand.values.items())
    repr(thousand.signals[-1])
    assert "amp999" in thousand.netlist(np.zeros((1, 2)))


def test_layers_that_only_rearrange_may_be_many(tmp_path, shallow_stack):
    model = rearranged(600)
    model.save(tmp_path / "f")
    assert load_model(tmp_path / "f").circuit.size == model.circuit.size


def test_a_network_of_many_layers_is_drawn(tmp_path, shallow_stack):
    sys.setrecursionlimit(600)  # matplotlib needs some
    chain(400).plot(tmp_path / "graph.png")


def test_a_forked_chain_is_walked_in_linear_time():
    x = InputVoltageLayer(1, "x")
    h = ConcatenateLayer("c")([x, x])
    for i in range(60):  # 2^60 ways
        h = ReshapeLayer(f"r{i}", (2,))(h)
        h = ConcatenateLayer(f"c{i}")([h, h])
        h = dense(2, f"d{i}")(h)
    Model(x, CurrentLayer("y")(h))


def test_the_equations_of_a_deep_network_are_traced(shallow_stack):
    import jax

    sys.setrecursionlimit(500)  # JAX needs some
    model = deep(100)
    with jax.enable_x64(True):
        shape = jax.eval_shape(
            lambda values, x: model.engine.solve(model.circuit, values, {"x": x}, Nudge.none()),
            model.values,
            jax.ShapeDtypeStruct((1, 2), np.float64),
        )
    assert shape.v.shape == (1, len(model.circuit.free))


RECURSIVE = {("layers/diode.py", "_finite")}
"""Functions over lists in lists, which files bound. None walks a network."""


def test_no_walk_over_a_network_is_recursive():
    source = Path(storage.__file__).parents[1]
    rooms = ("circuit", "equations", "layers", "physics", "spice/netlist")
    modules = [path for room in rooms for path in (source / room).rglob("*.py")]
    modules += [source / "serialization.py", source / "summary.py", *source.glob("reports/*layout*.py")]
    found = {
        (str(path.relative_to(source)), function.name)
        for path in modules
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and _calls_itself(function)
    }
    assert found <= RECURSIVE


def _calls_itself(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name
        for node in ast.walk(function)
    )


# -- no regular files --------------------------------------------------------------------------------


@pytest.fixture
def pipe(tmp_path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


READERS = {
    "model": load_model,
    "history": History.load,
    "values": lambda path: linear().load_values(path),
    "hopfield": lambda path: HopfieldNetwork([2, 1]).load_values(path),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path, pipe, reader):
    with pytest.raises(CorruptFile, match=r"pipe is a named pipe. Expected the name of a regular file"):
        reader(pipe)
    with pytest.raises(CorruptFile, match=r"zero is a device"):
        reader("/dev/zero")
    (tmp_path / "link").symlink_to(pipe)
    with pytest.raises(CorruptFile, match=r"link is a named pipe"):
        reader(tmp_path / "link")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        reader(tmp_path)


WRITERS = {
    "model": lambda path: linear().save(path),
    "netlist": lambda path: linear().netlist(path=path),
    "history": lambda path: History().save(path),
    "plot": lambda path: linear().plot(path),
    "log": lambda path: log(CSVLogger(path)),
    "checkpoint": lambda path: Checkpoint(path).on_train_begin(),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_what_is_no_file_is_not_replaced(pipe, writer):
    with pytest.raises(NotRegular, match=r"pipe is a named pipe. Expected the name of a regular file"):
        writer(pipe)
    assert pipe.is_fifo()
    assert os.listdir(pipe.parent) == ["pipe"]


# -- names -------------------------------------------------------------------------------------------

BAD = ["\x1b[31mred", "a\nb", "a\x00", "\x7f", "\x9b2J", "\ud800", "half\udfff", "\u202egnp", "\u2028"]


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_that_cannot_be_printed_are_refused(name):
    for make in (
        lambda: InputVoltageLayer(2, name),
        lambda: linear(name=name),
        lambda: HopfieldNetwork([2, 1], name=name),
        lambda: CircuitBuilder().nodes(name, 2),
        lambda: History().append(1, {name: 0.5}),
    ):
        with pytest.raises(ValueError, match="Expected a name without control characters") as error:
            make()
        assert CONTROL.search(str(error.value)) is None


@pytest.mark.parametrize(
    "name", ["x", "Eingang 1", "\u00e9", "\u6f22\u5b57", "\U0001f469\u200d\U0001f52c", "+x", "=1+1"]
)
def test_names_in_any_script_are_taken(tmp_path, name):
    x = InputVoltageLayer(2, name)
    model = Model(x, CurrentLayer("y")(dense(2, "d")(x)), name=name)
    model.save(tmp_path / "f")
    assert load_model(tmp_path / "f").name == name


@given(st.text())
def test_what_is_printed_moves_no_cursor(text):
    assert CONTROL.search(printable(text)) is None
    if CONTROL.search(text) is None:
        assert printable(text) == text


def test_a_summary_prints_no_escape_sequences():
    class Loud(DenseLayer):
        kind_label = "dense\x1b[2J"

    x = InputVoltageLayer(2, "x")
    text = Model(x, CurrentLayer("y")(Loud(2, "d")(x))).summary(print_fn=len)
    assert "\x1b" not in text
    assert "dense\\x1b[2J" in text


# -- spreadsheets ------------------------------------------------------------------------------------


class NoRun:
    history = None


def log(logger: CSVLogger, *rows: dict, first: int = 1) -> None:
    logger.attach(NoRun())
    logger.on_train_begin()
    for epoch, row in enumerate(rows, first):
        logger.on_epoch_end(epoch, row)
    logger.on_train_end()


CURVES = ["=1+1_loss", "+x", "-x", "@SUM(A1)", "'quoted", "\uff1d1", "loss", "a,b", 'say "x"']


def test_no_header_is_a_formula_and_numbers_stay_numbers(tmp_path):
    path = tmp_path / "log.csv"
    log(CSVLogger(path), dict.fromkeys(CURVES, -0.5), dict.fromkeys(CURVES, -1e-09))
    header, *rows = csv.reader(io.StringIO(path.read_text()))
    assert not [name for name in header if name[0] in "=+-@\t\r\uff1d"]
    assert [name.removeprefix("'") for name in header] == ["epoch", *CURVES]
    assert [[float(cell) for cell in row] for row in rows] == [[1.0] + [-0.5] * 9, [2.0] + [-1e-9] * 9]


def test_a_log_goes_on_under_the_names_that_it_has(tmp_path):
    path = tmp_path / "log.csv"
    log(CSVLogger(path), dict.fromkeys(CURVES, 1.0), dict.fromkeys(CURVES, 2.0))
    log(CSVLogger(path), dict.fromkeys(CURVES, 3.0), first=2)
    _, *rows = csv.reader(io.StringIO(path.read_text()))
    assert [[float(cell) for cell in row] for row in rows] == [[1.0] * 10, [2.0] + [3.0] * 9]


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe", b"notes\n1\n", b"a," * 10**5 + b"\n", b'"' + b"x" * 2 * 10**5 + b'"\n']
)
def test_what_is_no_log_is_not_replaced(tmp_path, content):
    path = tmp_path / "notes.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no training log"):
        log(CSVLogger(path), {"loss": 1.0})
    assert path.read_bytes() == content


def test_one_row_that_is_none_loses_no_others(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1,0.5\n?,?\n3,0.25\n4,0.1")
    log(CSVLogger(path), {"loss": 0.125}, first=4)
    assert path.read_text() == "epoch,loss\n1,0.5\n3,0.25\n4,0.125\n"


# -- one way to write --------------------------------------------------------------------------------


def test_a_row_that_finds_no_room_is_taken_back_and_the_file_is_named(tmp_path):
    import resource
    import signal

    from ebana.storage.atomic import append

    path = tmp_path / "log.csv"
    append(path, b"first\n")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*log.csv'"):
            append(path, b"second\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"first\n"


def test_all_files_are_written_in_one_place():
    """No module but the one that writes opens a file for writing, in any of the ways there are."""
    import re

    source = Path(storage.__file__).parents[1]
    ways = re.compile(
        r"\.write_(text|bytes)\(|np\.save|savez|savetxt|\.tofile\(|to_csv|savefig\((?!buffer)|shutil\.(copy|move)|"
        r"\bopen\([^)]*[\"'][wax]b?\+?[\"']"
    )
    allowed = {"storage/atomic.py", "spice/simulators/process.py", "cli/app.py"}
    """The writer; a simulator's scratch folder; standard output that has gone."""
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if any(ways.search(line) and ">>>" not in line for line in path.read_text().splitlines())
    }
    assert found <= allowed


# -- devices of numbers that are none ----------------------------------------------------------------

ANY = st.floats() | st.sampled_from([0.0, 1e-30, 1e-15, 1.0, 27.0, -273.1, 1e300])


@given(
    st.fixed_dictionaries(
        {"is_": ANY, "n": ANY, "temperature": ANY}, optional={"bv": ANY, "eg": ANY, "tnom": ANY}
    )
)
def test_a_junction_diode_is_made_or_refused(numbers):
    made_or_refused(JunctionDiode, numbers)


@given(
    st.fixed_dictionaries(
        {"vto": ANY, "kp": ANY, "width": ANY, "length": ANY},
        optional={"temperature": ANY, "gamma": ANY, "phi": ANY, "tnom": ANY},
    )
)
def test_a_transistor_is_made_or_refused(numbers):
    made_or_refused(MosDiode, numbers)
    made_or_refused(Mosfet, {**numbers, "vgs": 1.0})


def made_or_refused(cls, numbers: dict[str, float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with suppress(ValueError):
            cls(**numbers)
