"""Conditionals in SPICE expressions: ``a ? b : c`` as one simulator writes it, a function for another."""

from __future__ import annotations


def conditionals(expression: str, function: str) -> str:
    """Rewrite every ``a ? b : c`` as ``function(a,b,c)``, however nested.

    Args:
        expression: an expression with balanced brackets.
        function: ``"ternary_fcn"`` (ngspice, neospice) or ``"if"`` (LTspice, Xyce).

    Raises:
        ValueError: for a ``?`` without its ``:``, or brackets that do not match.

    Example:
        >>> conditionals("V(a)>0 ? V(a)/2 : (V(a)>-1 ? 0 : -1)", "if")
        'if(V(a)>0,V(a)/2,(if(V(a)>-1,0,-1)))'
    """
    question = _find(expression, "?")
    if question < 0:
        return _inside_brackets(expression, function)
    rest = expression[question + 1 :]
    colon = _matching_colon(rest, expression)
    parts = expression[:question], rest[:colon], rest[colon + 1 :]
    return f"{function}({','.join(conditionals(part.strip(), function) for part in parts)})"


def _levels(text: str) -> list[int]:
    """Depth of brackets at each character; a bracket counts as outside itself."""
    depth, levels = 0, []
    for character in text:
        depth -= character == ")"
        levels.append(depth)
        depth += character == "("
        if depth < 0:
            break
    if depth:
        raise ValueError(f"the expression {text!r} has brackets that do not match. Correct it.")
    return levels


def _find(text: str, wanted: str) -> int:
    places = [k for k, level in enumerate(_levels(text)) if level == 0 and text[k] == wanted]
    return places[0] if places else -1


def _matching_colon(rest: str, whole: str) -> int:
    waiting = 1
    for k, level in enumerate(_levels(rest)):
        if level == 0 and rest[k] in "?:":
            waiting += 1 if rest[k] == "?" else -1
            if not waiting:
                return k
    raise ValueError(f"the expression {whole!r} has a '?' without its ':'. Expected a ? b : c.")


def _inside_brackets(text: str, function: str) -> str:
    """The same with each argument of each top bracket rewritten."""
    result, levels, start = [], _levels(text), 0
    opened = -1
    for k, level in enumerate(levels):
        if level or text[k] not in "()":
            continue
        if text[k] == "(":
            result.append(text[start : k + 1])
            opened = k
        else:
            inner = text[opened + 1 : k]
            result.append(",".join(conditionals(part, function) for part in _arguments(inner)))
            start = k
    return "".join([*result, text[start:]])


def _arguments(text: str) -> list[str]:
    edges = [k for k, level in enumerate(_levels(text)) if level == 0 and text[k] == ","]
    starts, stops = [0, *(k + 1 for k in edges)], [*edges, len(text)]
    return [text[a:b] for a, b in zip(starts, stops, strict=True)]
