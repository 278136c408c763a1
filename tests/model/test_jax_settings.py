"""The caller's settings of JAX neither reach the solver nor are changed by it."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import jax
import numpy as np
import pytest

from ebana import BehavioralDiode, CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model, optimizers

SETTINGS = {
    "rank promotion": (jax.numpy_rank_promotion, "raise"),
    "dtype promotion": (jax.numpy_dtype_promotion, "strict"),
    "double precision": (jax.enable_x64, True),
    "matmul precision": (jax.default_matmul_precision, "bfloat16"),
    "NaN checks": (jax.debug_nans, True),
    "infinity checks": (jax.debug_infs, True),
    "no compilation": (jax.disable_jit, True),
    "tracer leaks": (jax.check_tracer_leaks, True),
    "transfers": (jax.transfer_guard, "disallow"),
}


def run() -> list[np.ndarray]:
    """What a small network predicts, its gradients, and its values after two epochs."""
    x = InputVoltageLayer(3, "x")
    hidden = DiodeLayer("s", "down", model=BehavioralDiode(vth=0.1))(
        DenseLayer(4, "h", init_type="glorot")(x)
    )
    model = Model(x, CurrentLayer("y")(DenseLayer(4, "o", init_type="glorot")(hidden)))
    rng = np.random.default_rng(0)
    v, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    found = [model.predict(v), *model.gradients(v, t, beta=1e-6).values()]
    history = model.fit(v, t, epochs=2, batch_size=3, optimizer=optimizers.Adam(lr=1e-4), verbose=False)
    found += [np.asarray(history.history["loss"]), *model.values.values(), model.estimate_error(v)]
    return [np.asarray(array) for array in found]


@cache
def undisturbed() -> list[np.ndarray]:
    return run()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_no_bit_and_is_left_alone(name):
    setting, value = SETTINGS[name]
    right = undisturbed()
    with setting(value):
        found = run()
    for one, other in zip(right, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_setting_of_the_whole_process_changes_nothing():
    program = (
        "import numpy as np\n"
        "from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model\n"
        "x = InputVoltageLayer(2, 'x')\n"
        "model = Model(x, CurrentLayer('y')(DenseLayer(2, 'd', init_type='glorot')(x)))\n"
        "print(model.predict(np.random.default_rng(0).normal(size=(6, 2))).sum())\n"
    )
    environment = os.environ | {
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_ENABLE_X64": "1",
        "JAX_DEBUG_NANS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(-0.03620626737106539, rel=1e-14)
