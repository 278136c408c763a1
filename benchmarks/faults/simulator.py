"""Blocks that our checks accept, given to the real simulator: none may end it for the models after it.

Texts are drawn by number from good blocks, bent: parameters, nested definitions, expressions, huge numbers, missing
nodes, odd names. Each accepted one is solved as a user's would be; after it a plain block must give the same bits as
before. The drawing runs in a process of its own, whose death counts.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.faults import Count

GOOD = ".subckt good a\nR1 a 0 1k\n.ends"
LINES = (
    "R1 a 0 {n}", "R2 a b {n}\nR3 b 0 1k", "D1 a 0 dm\n.model dm D(IS={n} N=1.2)", "B1 a 0 I={{V(a)*{n}}}",
    "G1 a 0 a 0 {n}", "M1 a a 0 0 mm W=1u L=1u\n.model mm NMOS(VTO=0.5 KP={n})", "R4 a 0 {{k*{n}}}",
    ".param k={n}", ".param k={{q}}", ".param q={{k}}", "C1 a 0 {n}", "X1 a inner\n.subckt inner p\nR1 p 0 {n}\n.ends",
    "E1 c 0 a 0 {n}\nR5 c 0 1k", "Q1 a a 0 qq\n.model qq NPN(BF={n})", ".func f(x) {{x*{n}}}", "B2 a 0 I={{f(V(a))}}",
    "S1 a 0 a 0 sw\n.model sw SW(VT={n})", "J1 a a 0 jj\n.model jj NJF(VTO=-{n})", "R6 a 0 1k tc={n}",
)  # fmt: skip
NUMBERS = ("1k", "1e-12", "1e300", "-1", "0", "1e-320", "3meg", "k", "1e6", "2.5u", "1/0", "sqrt(-1)", "a-b")
ODD = ("", "_", "$", "%", "#", "~", "@", "^", ",", "=", "()", "{}", "{1}", "temp", "time", "gnd")


def drawn(number: int) -> str:
    """The text of that number."""
    draw = random.Random(number)
    body = "\n".join(draw.choice(LINES).format(n=draw.choice(NUMBERS)) for _ in range(draw.randint(1, 4)))
    if draw.random() < 0.3:
        place = draw.randrange(len(body) + 1)
        body = body[:place] + draw.choice(ODD) + body[place:]
    levels = draw.choice((0, 0, 0, 1, 13))
    inner = "".join(f".subckt n{k} p\nR1 p 0 1k\n" for k in range(levels)) + ".ends\n" * levels
    return f".subckt cell a\nR0 a 0 1k\n{body}\n{inner}.ends cell"


def _solve(text: str) -> bytes:
    import numpy as np

    from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, SubcircuitLayer

    x = InputVoltageLayer(1, "x")
    block = SubcircuitLayer(text, "s", subcircuit=text.split()[1])(DenseLayer(2, "d", init_type="glorot")(x))
    model = Model(x, CurrentLayer("y", fold=False)(block), engine="ngspice")
    return model.operating_point(np.ones((1, 1)), strict=False).v.tobytes()


def _accepted(text: str) -> bool:
    from ebana.spice.language.subcircuit import Subcircuit

    try:
        Subcircuit.parse(text, "cell")
    except ValueError:
        return False
    return True


def main(wanted: int) -> None:
    """Try texts until so many were accepted; prints one word for each, and the text of a wrong one."""
    import warnings

    from ebana.spice.simulators.errors import SpiceError

    warnings.simplefilter("ignore")
    before, number, accepted = _solve(GOOD), 0, 0
    while accepted < wanted:
        text, number = drawn(number), number + 1
        if not _accepted(text):
            continue
        accepted += 1
        with contextlib.suppress(SpiceError, ValueError):
            _solve(text)
        print("same" if _solve(GOOD) == before else f"wrong {text!r}", flush=True)


def counts(quick: bool) -> Iterator[Count]:
    """Accepted blocks after which a plain one no longer gives the same, or the process is gone."""
    wanted = 20 if quick else 10_000
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults.simulator", str(wanted)], capture_output=True, text=True
    )
    words = done.stdout.splitlines()
    wrong = [line for line in words if line != "same"]
    unheard = wanted - len(words)
    yield Count("accepted blocks", wanted, len(wrong) + unheard, (wrong or [done.stderr[-200:]])[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))
