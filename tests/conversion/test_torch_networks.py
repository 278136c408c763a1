"""PyTorch's networks are read as PyTorch computes them, and what cannot be read is refused by name."""

import numpy as np
import pytest
import torch
from torch import nn

from ebana.conversion.reading import read


def sequential(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers).double().eval()


def warmed(network, inputs):
    """The network after batches that its normalisations have seen."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(16, inputs, dtype=torch.float64) * 2 + 1)
    return network.eval()


NETWORKS = {
    "one hidden layer": lambda: sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
    "a single layer": lambda: sequential(nn.Linear(6, 3)),
    "no biases": lambda: sequential(nn.Linear(6, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)),
    "deep and nested": lambda: sequential(
        nn.Flatten(), sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2)
    ),
    "linear after linear": lambda: sequential(
        nn.Linear(6, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2)
    ),
    "dropout": lambda: sequential(
        nn.Dropout(0.5), nn.Linear(6, 4), nn.ReLU(), nn.Identity(), nn.Linear(4, 2)
    ),
    "normalised before": lambda: warmed(sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)), 6),
    "normalised between": lambda: warmed(
        sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)), 6
    ),
    "normalised behind a ReLU": lambda: warmed(
        sequential(nn.Linear(6, 4), nn.ReLU(), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2)), 6
    ),
    "normalised at the end": lambda: warmed(sequential(nn.Linear(6, 4), nn.ReLU(), nn.BatchNorm1d(4)), 6),
    "rectified outputs": lambda: sequential(nn.Linear(6, 3), nn.ReLU(), nn.ReLU()),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_chain_computes_what_torch_computes(name):
    network = NETWORKS[name]()
    x = np.random.default_rng(0).normal(size=(9, 6))
    expected = network(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(read(network).outputs(x), expected, rtol=1e-12, atol=1e-14)


def test_single_precision_is_read_to_the_last_bit():
    network = nn.Linear(3, 2)
    stage = read(network).stages[0]
    assert np.array_equal(stage.weights.T.astype(np.float32), network.weight.detach().numpy())


def test_a_network_that_is_being_trained_is_read_as_for_inference():
    network = sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(), nn.Linear(3, 2)).train()
    found = read(network).outputs(np.ones((1, 4)))
    np.testing.assert_allclose(found, network.eval()(torch.ones(1, 4).double()).detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "head"),
    [(nn.Softmax(1), "softmax"), (nn.LogSoftmax(dim=-1), "log_softmax"), (nn.Sigmoid(), "logistic")],
)
def test_heads_are_read(layer, head):
    assert read(sequential(nn.Linear(3, 2), layer, nn.Identity())).head == head


class Mine(nn.Module):
    """A module of a user's."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        """Not to be read off."""
        return self.fc(x) ** 2


class LikeLinear(nn.Linear):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Linear(3, 2), nn.Tanh()], r"torch layer '1' is of class .*Tanh. .*Replace it"),
        ([nn.Conv2d(1, 2, 3)], r"layer '0' is of class .*Conv2d"),
        ([nn.Linear(3, 2), nn.LeakyReLU()], r"layer '1' is of class .*LeakyReLU"),
        ([nn.Sequential(nn.Linear(3, 2), nn.GELU())], r"layer '0.1' is of class .*GELU"),
        ([nn.Linear(3, 2), nn.LayerNorm(2)], r"LayerNorm"),
        ([Mine()], r"class .*Mine. .*write it as an nn.Sequential"),
        ([LikeLinear(3, 2)], r"class .*LikeLinear. .*write it as an nn.Sequential"),
        ([nn.ReLU(), nn.Linear(3, 2)], r"'0' is a ReLU of the inputs themselves"),
        ([nn.Linear(3, 2), nn.Softmax(1), nn.Linear(2, 2)], r"'2' is a layer after '1' \(softmax\)"),
        ([nn.Linear(3, 2), nn.Softmax(0)], r"Softmax\(dim=0\)"),
        ([nn.Softmax(1), nn.Linear(3, 2)], r"a softmax before any dense layer"),
        ([nn.Flatten(0), nn.Linear(3, 2)], r"Flatten\(0, -1\)"),
        ([nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)], r"without running statistics"),
        ([nn.Linear(3, 2), nn.ReLU(), nn.Linear(3, 1)], r"'2' is of 3 inputs, after 2 units"),
        ([nn.Linear(3, 2, dtype=torch.complex64)], r"a Linear of torch.complex64 weights"),
        ([nn.Dropout()], r"no dense layer"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(layers, message):
    with pytest.raises(ValueError, match=message):
        read(nn.Sequential(*layers))


def test_weights_that_are_not_finite_are_refused():
    network = nn.Linear(3, 2)
    with torch.no_grad():
        network.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="weights that are NaN or infinite"):
        read(network)


@pytest.mark.parametrize("thing", [torch.ones(3), nn.Linear, 3, {"weights": [1]}])
def test_what_is_no_network_is_refused(thing):
    with pytest.raises(TypeError, match="Expected a"):
        read(thing)
