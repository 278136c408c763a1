"""Diode cards in random styles: numbers, suffixes, brackets, commas, comments, continuations, expressions."""

from __future__ import annotations

import random
from collections.abc import Callable

from benchmarks.faults.card_oracle import Raw

_ALWAYS = {"RS": (0.5, 100.0)}
"""Stated by every card: it keeps currents where a deck computes them to the same digits."""

_RANGES = {
    "IS": (1e-14, 1e-6), "N": (0.9, 2.5), "BV": (4.0, 200.0), "IBV": (1e-6, 1e-3), "TNOM": (20.0, 35.0),
    "EG": (0.6, 1.3), "XTI": (2.0, 4.0), "CJO": (1e-13, 1e-9), "VJ": (0.3, 1.0), "M": (0.2, 0.5), "TT": (1e-10, 1e-6),
    "AREA": (0.5, 4.0), "JSW": (1e-14, 1e-9), "PJ": (1.0, 20.0), "TRS1": (1e-4, 1e-3), "KF": (0.0, 1.0),
    "Iave": (0.1, 2.0), "IKF": (1e-3, 1.0), "JTUN": (1e-12, 1e-6),
}  # fmt: skip
_SCALES = {
    "T": 1e12, "G": 1e9, "MEG": 1e6, "K": 1e3, "MIL": 25.4e-6, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "F": 1e-15,
    "µ": 1e-6, "": 1.0,
}  # fmt: skip
_UNITS = ("", "", "", "", "A", "Ohm", "V", "H", "s", "x", "F", "C")
_COMMENTS = ("; RS=99 (", "$ IS=5 (", "$word", "// N=7", ";", "$", "$ © 2010", "; µ Ω")
_LINES = ("* RS=99", "*+ N=9", "# x", "$ IS=1", "// y", "", "   ", "  * ©", "; swallowed")


def random_card(rng: random.Random, model: str) -> Raw:
    """A card of that name in a random style; some are malformed on purpose."""
    return _Writer(rng, model).card()


class _Writer:
    def __init__(self, rng: random.Random, model: str) -> None:
        self.rng, self.model = rng, model
        self.before: list[str] = []

    def one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def case(self, word: str) -> str:
        if not word.isascii():
            return word
        change: Callable[[str], str] = self.rng.choice((str.lower, str.upper, str, str.title))
        return change(word)

    # -- numbers -------------------------------------------------------------------------------------

    def number(self, value: float) -> str:
        """The value, or one near it, in some form."""
        scale = self.rng.choice(list(_SCALES)) if self.chance(0.6) else ""
        mantissa = value / _SCALES[scale]
        text = self.one(f"{mantissa:.4g}", f"{mantissa:.6e}", f"{mantissa:.3E}", f"{mantissa:.5g}")
        if "e" not in text.lower() and self.chance(0.2):
            text = (
                text.removeprefix("0") if text.startswith("0.") else f"{text}." if "." not in text else text
            )
        if self.chance(0.05):
            text = f"+{text}"
        unit = self.rng.choice(_UNITS) if scale != "" or self.chance(0.5) else ""
        if scale == "" and unit and unit[0].upper() in "FMTGKUNP":
            unit = ""
        if self.chance(0.01):
            scale = self.one("μ", "D-3", "!", "$x", "_")
        return text + self.case(scale) + self.case(unit)

    def value(self, key: str, value: float) -> str:
        if self.chance(0.85):
            return self.number(value)
        if self.chance(0.5):
            inner = self.one(
                f"{value:.6g}",
                f"{value:.6g}*2/2",
                f"(1+1)*{value / 2:.6g}",
                f"{value:.6g}+0*1k",
                f"-(-{value:.6g})",
            )
            return self.one(f"{{{inner}}}", f"'{inner}'", f"{{ {inner} }}")
        name = f"p_{self.model}_{key.lower()}"
        self.before.append(
            f".param {name}{self.one('=', ' = ')}{self.one(f'{value:.6g}', f'{{{value:.6g}}}', f'{value:.6g}*1')}"
        )
        return self.one(f"{{{name}}}", f"'{name}*1'", name, f"{{2*{name.upper()}/2}}")

    # -- lines -----------------------------------------------------------------------------------------

    def break_line(self) -> str:
        """A blank, or a continuation with comments around it."""
        if self.chance(0.6):
            return self.one(" ", "  ", "\t", " , ", ", ")
        comment = f" {self.rng.choice(_COMMENTS)}" if self.chance(0.4) else ""
        between = "".join(
            f"{self.rng.choice(_LINES[:-1] if self.chance(0.9) else _LINES)}\n"
            for _ in range(self.rng.randint(0, 2))
        )
        return f"{comment}\n{between if self.chance(0.5) else ''}{self.one('', '', '  ')}+{self.one('', ' ', '   ')}"

    def card(self) -> Raw:
        keys = [*_ALWAYS, *self.rng.sample(list(_RANGES), self.rng.randint(1, 9))]
        self.rng.shuffle(keys)
        equals = self.one("=", "=", " = ", "= ", " =", " ", "=\n+", "\n+ =")
        parts = []
        for key in keys:
            low, high = (_ALWAYS | _RANGES)[key]
            value = low * (high / low) ** self.rng.random() if low > 0 else self.rng.uniform(low, high)
            written = self.value(key, value)
            between = equals if self.chance(0.9) else "="
            if between.strip() == "" and not written[0].isdigit():
                between = "="
            parts.append(f"{self.case(key)}{between}{written}")
        if self.chance(0.02):
            parts.insert(self.rng.randint(0, len(parts)), self.one("junk", "5", "RS", "OFF", "x=y"))
        body = parts[0] + "".join(self.break_line() + part for part in parts[1:])
        left, right = self.rng.choice(
            [("(", ")"), ("(", ")"), (" (", " )"), (" ", ""), ("((", "))"), ("\n+ (", "\n+ )")]
        )
        if self.chance(0.01):
            left, right = self.rng.choice([("(", ""), (" ", ")")])
        tail = (
            self.one("", "", "", " ", " $ end", " ; end", "//x", " some vendor 7", " TT=1n", "\r")
            if ")" in right
            else ""
        )
        blank, after = self.one(" ", "  ", "\t"), self.one(" ", "  ", "\n+ ")
        head = f"{self.case('.model')}{blank}{self.model}{after}{self.one('D', 'd')}"
        lines = [*self.before, f"{head}{left}{body}{right}{tail}"]
        if self.chance(0.3):
            self.rng.shuffle(lines)
        if self.chance(0.3):
            lines.insert(0, self.one("* .model a D(IS=1)", "*$", "", "* ®"))
        text = "\n".join(lines)
        return Raw(text.replace("\n", "\r\n") if self.chance(0.1) and "\r" not in text else text, self.model)
