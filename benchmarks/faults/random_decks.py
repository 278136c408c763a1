"""Random decks of resistors, whose values, subcircuits and parameters are written in many ways."""

from __future__ import annotations

import random

_NUMBERS = ["1k", "2.2K", "470", "1e3", "0.5k", "3meg", "4.7E+2", "10u", "1.5", "2t", "33mOhm", "5kV", ".25"]
_CALLS = ["sqrt({})", "exp(1/(1+abs({})))", "abs({})", "(1+{})", "max({},3)", "min({},1e5)", "({})**2", "ceil({})",
          "floor({})", "int({})", "(({})>100 ? 5 : 6)", "pow({},0.5)", "twice({})", "mix({},2)"]  # fmt: skip


def random_deck(seed: int) -> str:
    """A deck whose operating point depends on all that it defines."""
    rng = random.Random(seed)
    names = [f"p{k}" for k in range(rng.randint(1, 6))]
    lines = [f"seed {seed}", "V1 top 0 5", ".func twice(x) {2*x}", ".param k0=3", ".func mix(x, y) {x/y+k0}"]
    lines += _parameters(rng, names)
    blocks = [f"s{k}" for k in range(rng.randint(1, 4))]
    for k, block in enumerate(blocks):
        lines += _block(rng, block, blocks[k + 1 :], names)
    lines += _elements(rng, ["top", "a", "b", "c"], blocks, names)
    lines += [f"Rlast{k} {node} 0 {_value(rng, names)}" for k, node in enumerate("abc")]
    head, *others = lines
    return "\n".join([head, *(_styled(rng, line) for line in others)]) + "\n"


def _parameters(rng: random.Random, names: list[str]) -> list[str]:
    """Definitions, each of numbers and those before it, in any order."""
    lines = [f".param {name}={_expression(rng, names[:k])}" for k, name in enumerate(names)]
    rng.shuffle(lines)
    return lines


def _expression(rng: random.Random, names: list[str]) -> str:
    leaf = rng.choice([*names, *_NUMBERS])
    for _ in range(rng.randint(0, 3)):
        other = rng.choice([*names, *_NUMBERS])
        leaf = rng.choice(_CALLS).format(leaf) if rng.random() < 0.5 else f"{leaf}{rng.choice('+*')}{other}"
    return "{" + leaf + "}" if rng.random() < 0.7 else f"'{leaf}'"


def _value(rng: random.Random, names: list[str]) -> str:
    return rng.choice(_NUMBERS) if rng.random() < 0.4 else f"{{1+abs({_expression(rng, names)[1:-1]})}}"


def _block(rng: random.Random, name: str, inner: list[str], names: list[str]) -> list[str]:
    """A subcircuit of two pins with parameters, which may hold instances of those that follow."""
    own = [*names, "w"]
    if rng.random() < 0.3:
        own.append("z")
    mark = rng.choice(["params: ", "PARAMS: ", ""])
    lines = [f".subckt {name} in out {mark}w={rng.choice(_NUMBERS)} q={_expression(rng, [*names, 'w'])}"]
    lines += [f".param z={_expression(rng, [*names, 'w', 'q'])}"] if "z" in own else []
    if rng.random() < 0.4:
        lines += [".if (w > 100)", "Rif in m 10", ".else", "Rif in m 20", ".endif"]
    lines += [
        f"Rin in m {_value(rng, [*own, 'q'])}",
        f"Rout m out {_value(rng, own)}",
        f"Rg m 0 {_value(rng, own)}",
    ]
    lines += _elements(rng, ["in", "m", "out"], inner, own)[: rng.randint(0, 2)]
    return [*lines, rng.choice([".ends", f".ENDS {name}"])]


def _elements(rng: random.Random, nodes: list[str], blocks: list[str], names: list[str]) -> list[str]:
    lines = []
    for k in range(rng.randint(2, 5)):
        a, b = rng.sample(nodes, 2)
        if blocks and rng.random() < 0.5:
            given = f" w={_expression(rng, names)}" if rng.random() < 0.6 else ""
            lines.append(f"X{k} {a} {b} {rng.choice(blocks)}{given}")
        else:
            lines.append(f"R{k}x {a} {b} {_value(rng, names)}")
    return lines


def _styled(rng: random.Random, line: str) -> str:
    """A line in another case, with a comment, or in two pieces."""
    if rng.random() < 0.2:
        line = line.upper()
    if rng.random() < 0.2:
        first, _, rest = line.partition(" ")
        line = f"{first}\n+ {rest}"
    if rng.random() < 0.2:
        line += rng.choice([" ; note", " $ note", " // note"])
    return rng.choice(["* comment\n", "", "", "", "\n"]) + line
