"""A solver asks the same of a law in a dozen places; Python goes through the law in the first of them alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from ebana.devices.junction.diode import JunctionDiode
from ebana.equations.families import Family
from ebana.equations.laws import ArrayLaw


def test_a_law_is_traced_once_for_a_question_and_answers_each_with_its_own_voltages():
    calls, law = [], ArrayLaw.of(JunctionDiode(is_=1e-9), 2)

    def asked(law, dv, own):
        calls.append(dv)
        return law.current(dv, own)

    @jax.jit
    def twice(numbers, dv):
        array = replace(law, numbers=numbers)
        family = Family((0,), (2,), array.device, {}, array)
        return family.evaluate(asked, [dv])[0], family.evaluate(asked, [2.0 * dv])[0]

    dv = np.array([[0.1, 0.2], [-0.3, 0.25]])
    with jax.enable_x64(True):
        found = twice(tuple(map(jnp.asarray, law.numbers)), dv)
        assert len(calls) == 1
        for scale, current in zip((1.0, 2.0), found, strict=True):
            np.testing.assert_allclose(current, law.device.current(jnp.asarray(scale * dv), {}), rtol=1e-12)
