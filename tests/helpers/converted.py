"""Chains of random weights, and Kirchhoff's current law for their circuits, written out without the package."""

from itertools import pairwise

import numpy as np

from ebana.conversion import Chain, Stage


def random_chain(rng, sizes, *, spread=1.0, zeros=0.0, head="identity"):
    """A chain of normal weights, some of them zero."""
    stages = []
    for k, (m, n) in enumerate(pairwise(sizes)):
        weights = rng.normal(size=(m, n)) * spread ** rng.normal(size=(1, n)) / np.sqrt(m)
        weights[rng.random((m, n)) < zeros] = 0.0
        stages.append(Stage(f"s{k}", weights, 0.3 * rng.normal(size=n), rectified=k + 2 < len(sizes)))
    return Chain(tuple(stages), head)


def mirrored(volts):
    """Volts of complementary rows."""
    return np.concatenate([volts, -volts], axis=-1)


def relax(model, x_volts, depth, rounds=400):
    """Output volts ``v+ - v-`` by sweeps of node equations over the model's own values.

    Each node is at the mean of what it is joined to, weighted by conductances, less what its amplifier draws from it,
    held at or above 0 V (below, for the mirrored half) where it is a hidden one.
    """
    values = {name: np.asarray(v, dtype=float) for name, v in model.values.items()}
    g = [values[f"d{k + 1}/conductance"] for k in range(depth)]
    gain = [float(values[f"amp{k + 1}/gain"][0]) for k in range(depth)]
    back = [float(values[f"amp{k + 1}/backward_gain"][0]) for k in range(depth)]
    nodes = [np.zeros((len(x_volts), part.shape[1])) for part in g]
    for _ in range(rounds):
        for k in range(depth):
            below = mirrored(x_volts) if k == 0 else gain[k - 1] * nodes[k - 1]
            b = values[f"b{k + 1}/voltage"]
            rows = np.hstack([below, np.tile(b, (len(x_volts), 1))])
            rows = np.hstack([rows, np.zeros((len(x_volts), len(g[k]) - rows.shape[1]))])
            current, total = rows @ g[k], g[k].sum(0)
            if k + 1 < depth:
                behind = g[k + 1][: nodes[k].shape[1]]  # the rows that the amplifier drives
                current = current + back[k] * nodes[k + 1] @ behind.T
                total = total + back[k] * gain[k] * behind.sum(1)
            nodes[k] = current / total
            if k + 1 < depth:
                half = nodes[k].shape[1] // 2
                nodes[k] = np.hstack([np.maximum(nodes[k][:, :half], 0), np.minimum(nodes[k][:, half:], 0)])
    out = gain[-1] * nodes[-1]
    return out[:, 0::2] - out[:, 1::2]
