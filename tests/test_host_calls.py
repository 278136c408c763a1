"""Numbers reach functions outside JAX, and come back, to the last bit, whatever precision is on."""

import jax
import jax.numpy as jnp
import numpy as np

from ebana.host_calls import on_host


def test_double_precision_passes_a_program_of_single_precision():
    """On the threads that call back double precision is off; a third of one would come back as single."""
    third = np.float64(1) / 3

    def host(x, flags, count):
        assert x.dtype == np.float64
        assert flags.dtype == bool
        return {"sum": x + third, "any": np.asarray(flags.any()), "count": np.int32(count + 1)}

    shapes = {
        "sum": jax.ShapeDtypeStruct((3,), np.float64),
        "any": jax.ShapeDtypeStruct((), bool),
        "count": jax.ShapeDtypeStruct((), np.int32),
    }

    @jax.jit
    def program(x, flags):
        with jax.enable_x64(True):
            found = on_host(host, shapes, x.astype(jnp.float64), flags, jnp.int32(41))
            return (found["sum"] == x.astype(jnp.float64) + third).all(), found["any"], found["count"]

    same, some, count = program(jnp.arange(3.0, dtype=jnp.float32), jnp.array([False, True]))
    assert bool(same)
    assert bool(some)
    assert int(count) == 42
