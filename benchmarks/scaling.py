"""Training of networks for images: against backpropagation and ngspice; by width, depth, precision and batch.

Each measurement takes a process of its own, on two cores; what is compared takes turns in it. Times of a
step are medians, without compilation, which is reported beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import fresh
from benchmarks.images import (
    BETA,
    CLASSES,
    PIXELS,
    SAMPLES,
    Analog,
    Backpropagation,
    data,
    fast,
    measure,
    network,
    ratio,
)
from benchmarks.rows import Row, skipped
from ebana import NativeEngine, optimizers, recipes
from ebana.engines.ngspice import NgspiceEngine, NgspiceError, available

RATIO = 2.5
"""Most that an epoch of 1024 hidden units may take, in epochs of backpropagation."""

WIDTHS = (100, 316, 1024, 3162, 10_000, 32_768)
DEPTHS = (1, 2, 3)
BATCHES = (4, 16, 64, 128, 256, 512)
FEW_PIXELS = 14 * 14
"""Pixels of images at half the resolution."""


def ran(measurement: str, quick: bool, **options: Any) -> dict[str, Any]:
    """A measurement in a process of its own, or here where only its working is to be seen."""
    if quick:
        return MEASUREMENTS[measurement](**options)
    return fresh.run({"task": "images", "measurement": measurement, **options})


def name_of(hidden: Sequence[int], pixels: int = PIXELS) -> str:
    """Units of each layer, such as ``784-100-10``."""
    return "-".join(map(str, (pixels, *hidden, CLASSES)))


# -- against backpropagation ---------------------------------------------------------------------------


def backpropagation(hidden: Sequence[int], batch: int, repetitions: int = 9) -> dict[str, Any]:
    """Both ways of training, in turns."""
    x, y = data()
    sides = {
        "ebana": Analog(network(hidden), x, y, batch),
        "backpropagation": Backpropagation(hidden, x, y, batch),
    }
    found: dict[str, Any] = measure(sides, repetitions)
    return found | {"ratio": ratio(found["ebana"], found["backpropagation"])}


def backpropagation_rows(quick: bool = False) -> Iterator[Row]:
    """Epochs of 60,000 samples, float32, Adam."""
    cases = (((16,), 8),) if quick else (((1024,), 128), ((100,), 64))
    for hidden, batch in cases:
        found = ran(
            "backpropagation", quick, hidden=hidden, batch=batch, **({"repetitions": 2} if quick else {})
        )
        section = f"speed: against backpropagation ({name_of(hidden)})"
        note = f"batch {batch}, float32, Adam"
        for side in ("ebana", "backpropagation"):
            epoch = found[side]["step"] * SAMPLES / batch
            compiling = f"{note}; compilation {found[side]['compile']:.1f} s"
            yield Row(section, f"epoch of 60,000, {side}", epoch, "s", note=compiling, details=found[side])
        limit = RATIO if hidden == (1024,) else None
        least = min(found["ebana"]["steps"]) / min(found["backpropagation"]["steps"])
        note = f"median over neighbouring repetitions; of the quickest ones {least:.2f}"
        yield Row(section, "ratio", found["ratio"], "x", limit, note=note)


# -- against ngspice -----------------------------------------------------------------------------------


def ngspice(case: str, repetitions: int = 3) -> dict[str, Any]:
    """Training steps on both engines, in turns.

    Args:
        case: a recipe's name, or a number of pixels for 100 hidden units.
    """
    sides, batch = {}, 1
    for engine in ("native", "ngspice"):
        if case.isdigit():
            model = network((100,), fast() if engine == "native" else NgspiceEngine(), int(case))
            sides[engine] = Analog(model, *data(64, int(case)), batch=batch)
            continue
        recipe = recipes.get(case)
        model, split, batch = recipe.build(0, engine), recipe.data(0), 4
        sides[engine] = _of_recipe(recipe, model, recipe.dataset(split.x_train, split.y_train), batch)
    try:
        found: dict[str, Any] = measure(sides, repetitions)
    except NgspiceError as error:
        return {"error": str(error)}
    return found | {"ratio": ratio(found["ngspice"], found["native"]), "batch": batch}


def _of_recipe(recipe: Any, model: Any, dataset: Any, batch: int) -> Analog:
    return Analog(
        model,
        dataset,
        None,
        batch,
        optimizer=recipe.make_optimizer(),
        beta=model.default_beta() if recipe.beta is None else recipe.beta,
        nudge=recipe.nudge,
        loss=recipe.make_loss(),
    )


def ngspice_rows() -> Iterator[Row]:
    """Iris, certified; images by fixed sweeps, at half and full resolution."""
    section = "speed: against ngspice"
    present, how = available()
    for case in ("iris", str(FEW_PIXELS), str(PIXELS)):
        name = name_of((100,), int(case)) if case.isdigit() else case
        if not present:
            yield skipped(section, name, how)
            continue
        found = ran("ngspice", quick=False, case=case)
        if "error" in found:
            yield skipped(section, name, found["error"])
            continue
        each = {side: found[side]["step"] / found["batch"] for side in ("native", "ngspice")}
        note = f"batch {found['batch']}; {each['native']:.2g} s a sample against {each['ngspice']:.2g} s"
        yield Row(section, f"{name}, training samples", found["ratio"], "x", None, "high", note, found)


# -- by width and depth --------------------------------------------------------------------------------


def size(hidden: Sequence[int], batch: int, steps: int, repetitions: int = 5) -> dict[str, Any]:
    """A short training with the largest resident memory of its process, then single steps."""
    model, optimizer = network(hidden), optimizers.Adam(lr=1e-6)
    x, y = data(batch * steps)
    beta = BETA * model.default_beta()
    model.fit(x, y, batch_size=batch, beta=beta, nudge="clamped", optimizer=optimizer, verbose=False)
    peak = fresh.peak_megabytes()
    side = Analog(model, x, y, batch, beta=beta)
    return {
        "conductances": sum(value.size for name, value in model.values.items() if "conductance" in name),
        "sample": measure({"ebana": side}, repetitions)["ebana"]["step"] / batch,
        "compile": model.history.settings["compile_seconds"],
        "megabytes": peak,
    }


def size_rows(quick: bool = False) -> Iterator[Row]:
    """Widths of one hidden layer, and depths of 1024 units."""
    networks = ((8,),) if quick else (*((w,) for w in WIDTHS), *((1024,) * d for d in DEPTHS[1:]))
    batch = 4 if quick else 128
    section = "speed: width and depth"
    for hidden in networks:
        found = ran("size", quick, hidden=hidden, batch=batch, steps=4, repetitions=2 if quick else 5)
        each = 1e9 * found["sample"] / found["conductances"]
        note = f"batch {batch}, float32; {each:.2g} ns a conductance; compilation {found['compile']:.1f} s"
        name = name_of(hidden)
        yield Row(section, f"{name}, a sample", 1e6 * found["sample"], "us", note=note, details=found)
        yield Row(section, f"{name}, peak memory", found["megabytes"], "MB", note="whole process")


# -- by precision --------------------------------------------------------------------------------------


def sweeps_by_precision(hidden: Sequence[int], batch: int, repetitions: int = 7) -> dict[str, Any]:
    """Fixed sweeps in single and double precision, in turns."""
    x, y = data()
    sides = {dtype: Analog(network(hidden, fast(dtype)), x, y, batch) for dtype in ("float32", "float64")}
    found: dict[str, Any] = measure(sides, repetitions)
    return found | {"ratio": ratio(found["float64"], found["float32"])}


def certified_by_precision(recipe: str, repetitions: int = 5) -> dict[str, Any]:
    """Certified operating points of a recipe in single and double precision, in turns, full batch."""
    chosen = recipes.get(recipe)
    split = chosen.data(0)
    dataset = chosen.dataset(split.x_train, split.y_train)
    sides = {}
    for dtype in ("float32", "float64"):
        model = chosen.build(0)
        model.engine = NativeEngine(dtype=dtype)  # type: ignore[arg-type]
        sides[dtype] = _of_recipe(chosen, model, dataset, len(dataset))
    found: dict[str, Any] = measure(sides, repetitions)
    for name, side in sides.items():
        found[name] |= {"unconverged": side.unconverged / side.points, "tolerance": side.engine.volts}
    return found | {"ratio": ratio(found["float64"], found["float32"])}


def precision_rows(quick: bool = False) -> Iterator[Row]:
    """What double precision costs."""
    section = "speed: precision"
    hidden, batch = ((16,), 8) if quick else ((1024,), 128)
    found = ran(
        "sweeps_by_precision", quick, hidden=hidden, batch=batch, **({"repetitions": 2} if quick else {})
    )
    steps = "{float32[step]:.2g} s a step in float32, {float64[step]:.2g} s in float64".format(**found)
    name = f"{name_of(hidden)}, float64 / float32"
    yield Row(section, name, found["ratio"], "x", note=f"four sweeps, batch {batch}; {steps}", details=found)
    if quick:
        return
    found = ran("certified_by_precision", quick, recipe="iris")
    for dtype in ("float32", "float64"):
        one = found[dtype]
        note = f"within {one['tolerance']:g} V; {one['unconverged']:.1%} of the operating points not found"
        yield Row(
            section, f"iris, certified, a step in {dtype}", 1e3 * one["step"], "ms", note=note, details=one
        )


# -- by batch size -------------------------------------------------------------------------------------


def batch_sizes(hidden: Sequence[int], sizes: Sequence[int], repetitions: int = 7) -> dict[str, Any]:
    """One network in batches of several sizes, in turns."""
    x, y = data()
    sides = {str(size): Analog(network(hidden), x, y, size) for size in sizes}
    return measure(sides, repetitions)


def batch_rows(quick: bool = False) -> Iterator[Row]:
    """Time of a training sample by batch size."""
    sizes = (2, 4) if quick else BATCHES
    for hidden in ((8,),) if quick else ((100,), (1024,)):
        found = ran("batch_sizes", quick, hidden=hidden, sizes=sizes, **({"repetitions": 2} if quick else {}))
        section = f"speed: batch size ({name_of(hidden)})"
        for size in sizes:
            one = found[str(size)]
            note = f"float32; compilation {one['compile']:.1f} s"
            yield Row(
                section,
                f"a sample in batches of {size}",
                1e6 * one["step"] / size,
                "us",
                note=note,
                details=one,
            )


MEASUREMENTS = {
    "backpropagation": backpropagation,
    "ngspice": ngspice,
    "size": size,
    "sweeps_by_precision": sweeps_by_precision,
    "certified_by_precision": certified_by_precision,
    "batch_sizes": batch_sizes,
}
