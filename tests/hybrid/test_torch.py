"""A circuit or a Hopfield network as a layer of PyTorch: the same function and derivatives as in JAX, and no traps."""

import copy
import io
import pickle
import subprocess
import sys

import jax
import numpy as np
import pytest
import torch
from torch import nn

from ebana import CircuitBuilder, LearningWarning, Model, datasets
from ebana.hybrid import Dense, HybridModel, Relaxation, equilibrium
from ebana.torch import EquilibriumModule, autograd
from helpers.frameworks import compilations, derivatives, small_circuit, small_hopfield

SINGLE, DOUBLE = torch.float32, torch.float64
RNG = np.random.default_rng(0)
SAMPLES = 105  # as Iris has for training: one program serves all tests
X, WEIGHT = RNG.uniform(-1, 1, (SAMPLES, 4)), RNG.normal(size=(SAMPLES, 3))


def given(dtype):
    """The inputs and the slope of a loss."""
    return torch.tensor(X, dtype=dtype, requires_grad=True), torch.tensor(WEIGHT, dtype=dtype)


def gradients(module, x, weight):
    """Outputs, and derivatives of their weighted sum by the system's names and by the inputs."""
    module.zero_grad()
    x.grad = None
    y = module(x)
    (y * weight).sum().backward()
    return numbers(y), by_name(module), numbers(x.grad)


def numbers(t):
    """A copy: PyTorch writes in place."""
    return t.detach().numpy().copy()


def by_name(module):
    return {
        name: numbers(module.get_parameter(path).grad)
        for path, name in module.names().items()
        if module.parameters_of_system()[name].trainable
    }


def error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.fixture(scope="module")
def circuit():
    return EquilibriumModule(small_circuit())


@pytest.fixture(scope="module")
def hopfield():
    return EquilibriumModule(small_hopfield())


# -- the same function -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "estimator", "dtype", "tolerance"),
    [
        (small_circuit, "centered", SINGLE, 1e-4),
        (small_circuit, "adjoint", DOUBLE, 1e-9),
        (small_hopfield, "centered", SINGLE, 1e-4),
        (small_hopfield, "adjoint", SINGLE, 1e-6),
        (lambda: small_hopfield("float64"), "centered", DOUBLE, 1e-9),
    ],
    ids=["circuit-32", "circuit-adjoint", "hopfield-32", "hopfield-adjoint", "hopfield-64"],
)
def test_outputs_and_derivatives_are_those_of_the_function(system, estimator, dtype, tolerance):
    """One program of JAX computes both directions there, two programs and PyTorch's tape here.

    Outside its scope JAX would round float64 tensors to float32 without a word.
    """
    system = system()
    module = EquilibriumModule(system, estimator, dtype=dtype)
    x, weight = given(dtype)
    y, by_value, by_input = gradients(module, x, weight)
    kind = np.float64 if dtype == DOUBLE else np.float32
    values = {name: value.astype(kind) for name, value in module.values().items()}
    expected = derivatives(equilibrium(system, estimator), values, X.astype(kind), WEIGHT.astype(kind))
    assert y.dtype == by_input.dtype == kind
    assert error(y, expected[0]) <= tolerance
    assert error(by_input, expected[2]) <= tolerance
    assert by_value.keys() <= expected[1].keys()
    for name, found in by_value.items():
        assert found.dtype == kind
        assert error(found, expected[1][name]) <= tolerance, name


def test_derivatives_are_the_slopes_of_the_outputs():
    """By finite differences, which know nothing of energies."""
    module = EquilibriumModule(small_hopfield("float64"), "adjoint", dtype=DOUBLE)
    x = (0.3 * given(DOUBLE)[0][:6] + 0.4).detach().requires_grad_()
    inside = module(x)
    assert ((inside > 0) & (inside < 1)).any()
    weight, bias = module.top.weight, module.top.bias

    def run(x, weight, bias):
        return torch.func.functional_call(module, {"top.weight": weight, "top.bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x, weight, bias), eps=1e-7, atol=1e-6)


@pytest.mark.spice
def test_ngspice_settles_and_is_nudged():
    """An engine outside JAX: the same derivatives to what a simulator's tolerances leave."""
    native, spice = (EquilibriumModule(small_circuit(engine), nudge=1e-7) for engine in ("native", "ngspice"))
    x, weight = given(SINGLE)
    expected, found = gradients(native, x, weight), gradients(spice, x, weight)
    assert error(found[0], expected[0]) < 1e-6
    assert error(found[2], expected[2]) < 1e-4
    for name, g in found[1].items():
        assert error(g, expected[1][name]) < 1e-4
    shared = copy.deepcopy(spice)
    assert torch.equal(shared(x), spice(x))


def test_other_nudges_and_sweeps_compile_nothing(hopfield, circuit):
    x, weight = given(SINGLE)
    first = [gradients(module, x, weight) for module in (hopfield, circuit)]
    hopfield, circuit = copy.deepcopy(hopfield), copy.deepcopy(circuit)
    with compilations() as compiled:
        hopfield.nudge, hopfield.relaxation = 0.02, Relaxation(np.int64(3), 2, factor=1)
        circuit.nudge = np.float32(1e-8)
        circuit.input_scale, circuit.output_scale = 0.5, 3.0
        again = [gradients(module, x, weight) for module in (hopfield, circuit)]
    assert compiled == []
    for (y, _, by_input), (other, _, changed) in zip(first, again, strict=True):
        assert (y != other).any()
        assert (by_input != changed).any()


def test_scales_are_volts_of_a_one_and_numbers_of_a_volt(circuit):
    x, weight = given(SINGLE)
    scaled = EquilibriumModule(small_circuit(), input_scale=0.5, output_scale=3.0)
    y, _, by_input = gradients(scaled, x, weight)
    plain_y, _, plain = gradients(circuit, (0.5 * x).detach().requires_grad_(), weight)
    np.testing.assert_allclose(y, 3 * plain_y, rtol=1e-6)
    np.testing.assert_allclose(by_input, 1.5 * plain, rtol=1e-3, atol=1e-6)


def two_inputs():
    """A voltage divider of two inputs, of one and two columns, with two outputs."""
    build = CircuitBuilder()
    a, b, y = build.input("a", 1), build.input("b", 2), build.nodes("y", 3)
    build.crossbar("d", np.concatenate([a, b]), y, 1e-6, trainable=True, low=1e-7, high=1e-5)
    build.crossbar("g", y, build.ground(1), 1e-6)
    build.output("left", y[:2], folded=False)
    build.output("right", y[2:], folded=False)
    return Model.from_circuit(build.build())


def test_several_inputs_come_by_name_or_in_a_row():
    module = EquilibriumModule(two_inputs())
    x = torch.arange(6.0).reshape(2, 3)
    named = module({"a": x[:, :1], "b": x[:, 1:]})
    assert {name: y.shape for name, y in named.items()} == {"left": (2, 2), "right": (2, 1)}
    assert torch.equal(module(x), torch.cat([named["left"], named["right"]], 1))
    np.testing.assert_allclose(numbers(module(x))[:, 0], x.sum(1) / 4, rtol=1e-6)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_outputs_are_in_the_precision_of_the_inputs(circuit, kind):
    x = torch.tensor(X, dtype=kind, requires_grad=True)
    y = circuit(x)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (kind, kind)
    assert torch.equal(y, circuit(x.detach().float()).to(kind))


def test_views_are_read_in_their_order(circuit):
    """Transposed, strided, broadcast and misaligned tensors, and views of complex ones that negate."""
    x = given(SINGLE)[0].detach()
    expected = circuit(x)
    wide = torch.zeros(SAMPLES, 8)
    wide[:, ::2] = x
    shifted = torch.cat([torch.zeros(1), x.flatten()])[1:].view(SAMPLES, 4)
    negated = torch.complex(torch.zeros(SAMPLES, 4), -x).conj().imag
    for view in (x.t().contiguous().t(), wide[:, ::2], shifted, negated):
        assert torch.equal(circuit(view), expected)
    assert torch.equal(circuit(x[:1].expand(SAMPLES, 4)), circuit(x[:1].repeat(SAMPLES, 1)))


def test_a_compiled_network_runs_the_layer_as_it_is(circuit):
    """PyTorch's compiler cannot look into JAX, and must not try."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), copy.deepcopy(circuit), nn.Linear(3, 3))
    x = given(SINGLE)[0].detach()
    expected = net(x)
    expected.sum().backward()
    kept = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    y = torch.compile(net, backend="eager")(x)
    y.sum().backward()
    assert torch.equal(y, expected)
    for name, p in net.named_parameters():
        assert torch.equal(p.grad, kept[name]), name


# -- the traps of shared memory ----------------------------------------------------------------------------


def test_a_parameter_that_an_optimizer_moved_does_not_pass_for_the_old_one(circuit):
    """A program that kept an array over the parameter's memory would use the new value, and say nothing."""
    module = copy.deepcopy(circuit)
    y = module(given(SINGLE)[0])
    with torch.no_grad():
        module.d1.conductance.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    x = given(SINGLE)[0]
    module(x)
    x.data.mul_(0.5)  # what PyTorch does not count, it does not notice anywhere
    np.testing.assert_array_equal(numbers(module(x)), numbers(module(x.detach().clone())))


def test_an_optimizer_step_is_seen_by_the_next_call(circuit):
    module = copy.deepcopy(circuit)
    x, weight = given(SINGLE)
    before = gradients(module, x, weight)
    torch.optim.SGD([module.d1.conductance], lr=1e-14).step()
    fresh = EquilibriumModule(small_circuit())
    fresh.set_values(module.values())
    after, expected = gradients(module, x, weight), gradients(fresh, x, weight)
    assert error(after[0], before[0]) > 1e-6
    np.testing.assert_array_equal(after[0], expected[0])
    np.testing.assert_array_equal(after[2], expected[2])


def test_inputs_may_be_overwritten_as_soon_as_they_were_used():
    """JAX works on while Python goes on: without waiting, a batch this large is read half-written."""
    torch.manual_seed(0)
    module = EquilibriumModule(small_hopfield())
    x = torch.rand(5_000, 4)
    expected = module(x)
    for _ in range(5):
        buffer = x.clone()
        y = module(buffer)
        buffer.zero_()
        assert torch.equal(y, expected)


def test_what_pytorch_writes_into_results_stays_there(hopfield, monkeypatch):
    """JAX takes its arrays for constant; activations in place, clipping and zero_grad write into PyTorch's."""
    programs, made = autograd.programs(hopfield._block), []

    def recorded(run):
        def call(*arguments):
            made.append(run(*arguments))
            return made[-1]

        return call

    monkeypatch.setattr(programs, "forward", recorded(programs.forward))
    monkeypatch.setattr(programs, "backward", recorded(programs.backward))
    module, (x, weight) = copy.deepcopy(hopfield), given(SINGLE)
    y = module(x)
    (y * weight).sum().backward()
    before = [np.array(a) for a in jax.tree.leaves(made)]
    for written in (y.detach(), module.found, x.grad, *(p.grad for p in module.parameters())):
        written.fill_(1)
    for array, kept in zip(jax.tree.leaves(made), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    activated = module(x).mul_(2.0)
    np.testing.assert_array_equal(numbers(activated), 2 * np.array(made[-1][0].outputs["y"]))


def test_gradients_add_up_and_a_graph_can_be_kept(hopfield):
    module, (x, weight) = copy.deepcopy(hopfield), given(SINGLE)
    once = gradients(module, x, weight)[1]
    y = module(x)
    module.zero_grad()
    (y * weight).sum().backward(retain_graph=True)
    (y * weight).sum().backward()
    for name, g in by_name(module).items():
        np.testing.assert_allclose(g, 2 * once[name], rtol=1e-6)


# -- parameters ----------------------------------------------------------------------------------------------


def test_parameters_are_named_as_in_the_system(circuit):
    trained = {"d1.conductance": "d1/conductance", "d2.conductance": "d2/conductance"}
    assert {path: circuit.names()[path] for path, _ in circuit.named_parameters()} == trained
    assert set(circuit.names().values()) == set(small_circuit().values)
    assert "amp.gain" in dict(circuit.named_buffers())
    for name, value in small_circuit().values.items():
        np.testing.assert_array_equal(circuit.values()[name], value.astype(np.float32))


def test_any_name_of_a_system_comes_back():
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    names = ["forward", "stage 2.1", "a%2Eb", "nudge", "a", "a/b", "weight"]
    for name in names:
        build.crossbar(name, x, y, 1e-6, trainable=True, low=1e-7, high=1e-5)
    build.crossbar("load", y, build.ground(1), 1e-6)
    build.output("y", y, folded=False)
    model = Model.from_circuit(build.build())
    module = EquilibriumModule(model)
    assert list(module.names().values()) == list(model.values)
    assert len(list(module.parameters())) == len(names)
    assert module(torch.ones(1, 1)).item() == pytest.approx(7 / 8)


def test_a_trained_model_brings_its_values_and_takes_them_back():
    model = small_circuit()
    model.set_values({"d1/conductance": 1.5 * model.values["d1/conductance"]})
    module = EquilibriumModule(model, dtype=DOUBLE)
    np.testing.assert_array_equal(module.values()["d1/conductance"], model.values["d1/conductance"])
    other = small_circuit(seed=3)
    other.set_values(EquilibriumModule(model).values())  # single precision stays within the bounds
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_a_state_dict_goes_round_to_the_bit(dtype):
    module, other = (
        EquilibriumModule(small_circuit(), dtype=dtype),
        EquilibriumModule(small_circuit(seed=5), dtype=dtype),
    )
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert list(other.state_dict()) == list(module.state_dict())
    for name, t in module.state_dict().items():
        assert torch.equal(other.state_dict()[name], t)
        assert other.state_dict()[name].dtype == dtype
    x = given(dtype)[0].detach()
    assert torch.equal(module(x), other(x))


def test_copies_have_values_of_their_own_and_compile_nothing(circuit):
    x = given(SINGLE)[0].detach()
    expected = circuit(x)
    with compilations() as compiled:
        for other in (copy.deepcopy(circuit), pickle.loads(pickle.dumps(circuit))):
            assert torch.equal(other(x), expected)
            with torch.no_grad():
                other.d1.conductance.fill_(1e-5)
            assert not torch.equal(other(x), expected)
    assert compiled == []
    assert torch.equal(circuit(x), expected)


def test_train_eval_and_to_are_those_of_any_module(circuit):
    module = copy.deepcopy(circuit)
    assert not module.eval().training
    assert module.train().d1.training
    assert module.to(DOUBLE).d1.conductance.dtype == DOUBLE
    assert module.float().d1.conductance.dtype == SINGLE
    module.requires_grad_(False)
    y = module(given(SINGLE)[0])
    y.sum().backward()
    assert y.requires_grad
    assert not module(given(SINGLE)[0].detach()).requires_grad
    assert "'x' (4) -> 'y' (3)" in repr(module)


# -- bounds and learning rates -------------------------------------------------------------------------------


def test_an_optimizer_keeps_conductances_within_their_bounds(circuit):
    module = copy.deepcopy(circuit)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    handle = module.keep_bounds(optimizer)
    for p in module.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step()
    values = module.values()
    for name in ("d1/conductance", "d2/conductance"):
        assert values[name].min() == pytest.approx(1e-7)
        assert values[name].max() == pytest.approx(1e-4)
        assert (values[name] >= 1e-7).all()
        assert (values[name] <= 1e-4).all()
    small_circuit().set_values(values)  # which refuses what is beyond by a rounding
    handle.remove()
    optimizer.step()
    assert min(p.min() for p in module.parameters()) < 0
    assert module.project_() is module
    small_circuit().set_values(module.values())


def test_conductances_get_learning_rates_of_their_own_size(circuit):
    mean = small_circuit().system.parameters["d1/conductance"].mean  # expected, whatever was drawn
    groups = {group["name"]: group for group in circuit.parameter_groups(lr=1e-3)}
    assert groups["d1.conductance"]["lr"] == pytest.approx(0.02 * mean)
    assert groups["d1.conductance"]["weight_decay"] == 0.0
    assert groups["d1.conductance"]["params"][0] is circuit.d1.conductance
    plain = {group["name"]: group["lr"] for group in circuit.parameter_groups(lr=1e-3, optimizer="sgd")}
    assert plain["d1.conductance"] == pytest.approx(mean**2)
    weights = EquilibriumModule(small_hopfield(learning_rate=0.5)).parameter_groups(lr=1e-3)
    assert [group["lr"] for group in weights] == [0.5, 0.5]
    torch.optim.AdamW(
        [*circuit.parameter_groups(lr=1e-3), {"params": [nn.Parameter(torch.ones(1))]}], lr=1e-3
    )


def test_a_network_around_a_circuit_learns_iris():
    """Digital layers before and after the circuit, and the circuit itself, in thirty full-batch steps."""
    torch.manual_seed(0)
    iris = datasets.load("iris", seed=0)
    x = torch.tensor(iris.x_train, dtype=SINGLE)
    y = torch.tensor(iris.y_train, dtype=SINGLE).argmax(1)
    circuit = EquilibriumModule(small_circuit(), output_scale=5.0)
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), circuit, nn.Linear(3, 3))
    digital = [*net[0].parameters(), *net[3].parameters()]
    optimizer = torch.optim.Adam([{"params": digital}, *circuit.parameter_groups(lr=0.03)], lr=0.03)
    circuit.keep_bounds(optimizer)
    start, losses = circuit.values(), []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    moved = [
        abs(circuit.values()[name] / start[name] - 1).max() for name in ("d1/conductance", "d2/conductance")
    ]
    assert min(moved) > 0.1
    small_circuit().set_values(circuit.values())


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "named"),
    [
        (lambda m: m(torch.zeros(3, 5)), ValueError, r"\(3, 5\). Expected \(samples, 4\).*'x' \(4\)"),
        (lambda m: m(torch.zeros(3, 4, 1)), ValueError, r"\(3, 4, 1\)"),
        (lambda m: m(torch.zeros(0, 4)), ValueError, "without samples"),
        (lambda m: m(torch.zeros(2, 4, device="meta")), ValueError, "'x' is on the device 'meta'. Expected 'cpu'"),
        (lambda m: copy.deepcopy(m).to("meta")(torch.zeros(2, 4)), ValueError, "'b/voltage' is on the device 'meta'"),
        (lambda m: m(torch.zeros(2, 4, dtype=torch.int64)), TypeError, "torch.int64"),
        (lambda m: m(np.zeros((2, 4))), TypeError, "got a ndarray. Expected a tensor"),
        (lambda m: copy.deepcopy(m).half()(torch.zeros(2, 4)), TypeError, "torch.float16. Expected torch.float32"),
        (lambda m: m({"z": torch.zeros(2, 4)}), KeyError, r"inputs \['z'\]. Expected 'x' \(4\)"),
        (lambda m: m({"x": torch.zeros(2, 3)}), ValueError, r"input 'x' of shape \(2, 3\)"),
        (lambda m: m.d1(torch.zeros(2, 4)), TypeError, "Call the module"),
        (lambda m: m.set_values({"d9": 1.0}), KeyError, "no parameter 'd9'"),
        (lambda m: m.set_values({"d1/conductance": 1.0}), ValueError, r"has shape \(10, 4\)"),
        (lambda m: m.keep_bounds(torch.optim.SGD([nn.Parameter(torch.ones(1))])), ValueError, "none of this module's"),
        (lambda m: EquilibriumModule(small_circuit(), nudge=-1e-8), ValueError, "nudge=-1e-08"),
        (lambda m: EquilibriumModule(small_circuit(), dtype=torch.float16), TypeError, "torch.float16"),
        (lambda m: EquilibriumModule(small_circuit(), relaxation=Relaxation()), TypeError, "Leave relaxation out"),
        (lambda m: EquilibriumModule(HybridModel([Dense(3)], 4)), TypeError, "a block of each of them"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(circuit, make, kind, named):
    with pytest.raises(kind, match=named):
        make(circuit)


def test_second_derivatives_are_refused_and_first_ones_are_not(hopfield):
    x, weight = given(SINGLE)
    (g,) = torch.autograd.grad((hopfield(x) * weight).sum(), x, create_graph=True)
    np.testing.assert_array_equal(g.detach(), gradients(hopfield, x, weight)[2])
    with pytest.raises(NotImplementedError, match="second derivatives through an EquilibriumModule"):
        torch.autograd.grad(g.sum(), x)


def test_samples_that_do_not_settle_are_told():
    """Behind a tolerance that one sweep does not meet: their derivatives are zero, and the caller is warned."""
    module = EquilibriumModule(small_hopfield(), relaxation=Relaxation(1, 60, 1e-5))
    x, weight = given(SINGLE)
    with pytest.warns(LearningWarning, match="105 of 105 samples did not settle") as told:
        y = module(x)
    assert told[0].filename == __file__
    assert not module.found.any()
    (y * weight).sum().backward()
    assert not any(p.grad.any() for p in module.parameters())
    module.relaxation = Relaxation(100, 100, 1e-5)
    module(x)
    assert module.found.all()


def test_without_pytorch_the_extra_is_named(monkeypatch):
    code = "import sys; sys.modules['torch'] = None\nimport ebana.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        'ImportError: ebana.torch needs PyTorch. Install it with: pip install "ebana[torch]"' in done.stderr
    )


def test_frameworks_are_imported_by_those_who_ask_for_them():
    code = (
        "import sys, ebana, ebana.hybrid\n"
        "ebana.Model, ebana.hybrid.HybridModel, ebana.hybrid.equilibrium\n"
        "print(sorted({'torch', 'keras', 'flax', 'equinox'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
