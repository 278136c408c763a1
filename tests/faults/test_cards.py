"""Cards and files of models as people have them, in small numbers of the counts of ``benchmarks/faults/cards.py``."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import DiodeLayer, JunctionDiode
from ebana.spice.language.subcircuit import Subcircuit
from helpers.simulators import needs_ngspice

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.faults import cards
from benchmarks.faults.card_oracle import Raw, as_written, differs
from benchmarks.faults.card_styles import STYLES
from benchmarks.faults.random_cards import random_card

GOOD = "*\n.MODEL 1N4148 D\n+ IS = 4.352E-9\n+ N = 1.906\n+ BV = 110\n+ IBV = 0.0001\n+ RS = 0.6458\n"
THE_1N4148 = JunctionDiode(is_=4.352e-9, n=1.906, rs=0.6458, bv=110.0, ibv=1e-4)


# -- small inputs, and what is right -----------------------------------------------------------------


def test_ampere_behind_a_number_is_no_scale_in_any_deck():
    card = ".model dm D(IS=2.52e-9A N=1.752 RS=0.568)"
    with pytest.warns(UserWarning, match="'dm': IS=2.52e-9A.*atto in ngspice from 42 on"):
        layer = DiodeLayer("s", "down", model=card)
    assert layer.device.is_ == 2.52e-9
    with pytest.warns(UserWarning, match="'x' has 1A, 2.52e-9A: .*atto"):
        block = Subcircuit.parse(f".subckt x 1a b\nD1 1a 0 dm\nI1 b 0 1A\nR1 b 0 1k\n{card}\n.ends")
    assert "IS=2.52e-9 N" in block.text
    assert "I1 b 0 1\n" in block.text
    assert "D1 1a 0 dm" in block.text  # a node's name is no number


@pytest.mark.parametrize(
    "bad",
    [
        ".model D2 AKO:1N4148 D(RS=1)",
        ".model IRF VDMOS(nchan Rg=3 Vto=4 Rd=14m)",
        ".MODEL",
        ".model RMOD R (R=1 TC1=1m, 2m)",
    ],
)
def test_a_card_that_cannot_be_read_hides_no_other(tmp_path, bad):
    path = tmp_path / "models.lib"
    path.write_text(GOOD + bad)
    assert JunctionDiode.from_file(path, "1N4148") == THE_1N4148


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_encodings_are_told_apart(tmp_path, encoding):
    path = tmp_path / "models.lib"
    path.write_bytes(GOOD.removeprefix("*\n").encode(encoding))
    assert JunctionDiode.from_file(path, "1N4148") == THE_1N4148


def test_the_micro_sign_of_latin_1_is_a_millionth(tmp_path):
    path = tmp_path / "models.lib"
    path.write_bytes(b".model DX D(IS=0.004352\xb5 N=1.906 RS=0.6458)")
    assert JunctionDiode.from_file(path, "DX").is_ == 4.352e-9


@pytest.mark.parametrize("comment", ["$sat", "$"])
def test_dollar_starts_a_comment(comment):
    d = JunctionDiode.from_card(f".model DX D(IS=2n N=1.7 {comment}\n+ RS=1)")
    assert d == JunctionDiode(is_=2e-9, n=1.7, rs=1.0)
    assert float(d.current(0.7, {})) == pytest.approx(0.01237823, rel=1e-5)


def test_parameters_and_expressions_are_evaluated(tmp_path):
    path = tmp_path / "p.lib"
    path.write_text(".param isat=1n\n.model DX D(IS={isat} N=1.5 RS={2*1.5})\n.model DQ D(IS='2*1n' N=1.5)\n")
    assert JunctionDiode.from_file(path, "DX") == JunctionDiode(is_=1e-9, n=1.5, rs=3.0)
    assert JunctionDiode.from_file(path, "DQ") == JunctionDiode(is_=2e-9, n=1.5)


def test_width_and_length_of_a_card_are_those_of_the_transistor():
    card = ".MODEL CD4007N NMOS LEVEL=1 VTO=1.44 KP=320u L=10u W=30u GAMMA=0 PHI=.6 LAMBDA=10m"
    device = DiodeLayer(name="a", use_mos=True, model=card).device
    assert float(device.current(3.0, {})) == pytest.approx(1.203172e-3, rel=1e-6)
    wider = DiodeLayer(name="a", use_mos=True, model={"card": card, "width": 60e-6}).device
    assert (wider.width, wider.length) == (60e-6, 10e-6)


# -- the counts, in small numbers ----------------------------------------------------------------------


def test_there_are_sixty_styles():
    assert len({style.name for style in STYLES}) >= 60


@needs_ngspice
def test_styles_carry_the_current_of_ngspice_on_their_own_text():
    for behaviour in {style.behaviour for style in STYLES}:
        chosen = [
            style
            for style in STYLES
            if style.behaviour == behaviour and not style.name.startswith("PSpice, AKO of")
        ]
        theirs = as_written([Raw(s.text, s.model, s.kind) for s in chosen], behaviour)
        ours = [cards.ours(cards.read(s.text, s.model, s.kind)) for s in chosen]
        wrong = [s.name for s, a, b in zip(chosen, ours, theirs, strict=True) if differs(a, b)]
        assert not wrong


@needs_ngspice
@pytest.mark.parametrize("style", STYLES[::6], ids=lambda style: style.name)
def test_styles_carry_the_same_current_in_our_decks(style):
    current = cards.ours(cards.read(style.text, style.model, style.kind))
    assert not differs(current, cards.exported(cards.read(style.text, style.model, style.kind)))
    if style.behaviour != "psa" and "'" not in style.text and "mfg=" not in style.text:
        assert not differs(current, cards.in_block(style))


@pytest.mark.parametrize(
    "count", [cards.refusals, cards.neighbours, cards.encodings], ids=lambda f: f.__name__
)
def test_nothing_is_wrong(count):
    found = count()
    assert found.tried > 20
    assert found.wrong == 0, found.note


@needs_ngspice
@settings(deadline=None, max_examples=6)
@given(rng=st.randoms(use_true_random=True))
def test_random_styles_carry_the_current_of_ngspice(rng: random.Random):
    accepted, refused = [], []
    for k in range(40):
        raw = random_card(rng, f"x{k}")
        try:
            accepted.append((raw, cards.ours(cards.read(raw.text, raw.model))))
        except ValueError as error:
            refused.append(str(error))
    assert len(accepted) > 20
    assert all(message.startswith("line ") for message in refused)
    theirs = as_written([raw for raw, _ in accepted])
    wrong = [
        (raw.text, own, other)
        for (raw, own), other in zip(accepted, theirs, strict=True)
        if differs(own, other)
    ]
    assert not wrong


def test_a_difference_would_be_seen():
    current = cards.ours(cards.read(STYLES[0].text, STYLES[0].model))
    assert differs(current, current * (1 + 1e-5))
    assert differs(current, None)
    assert differs(current, np.full_like(current, np.nan))
