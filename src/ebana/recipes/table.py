"""The numbers of all recipes, in one place.

They are chosen by cross-validation inside the training part, once for all seeds
(:func:`ebana.datasets.inner_split`); the test part plays no role in them. ``docs/results/settings.md``
tells how, and ``python -m benchmarks.choose_settings`` does it again.
"""

from __future__ import annotations

from ebana.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="xor",
            inputs=2,
            outputs={"xor": 1},
            scale=2.0,
            epochs=200,
            lr=3e-7,
        ),
        Recipe(
            name="gates",
            inputs=2,
            outputs={"or": 1, "and": 1, "xor": 1},
            scale=2.0,
            epochs=200,
            lr=3e-7,
        ),
        Recipe(
            name="iris",
            inputs=4,
            outputs={"species": 3},
            scale=2.0,
            epochs=400,
            lr=5e-8,
        ),
        Recipe(
            name="wine",
            inputs=13,
            outputs={"cultivar": 3},
            scale=1.0,
            epochs=200,
            lr=1e-7,
            loss="cross_entropy",
        ),
    )
}
"""Recipes by name; what is not stated is the default of :class:`~ebana.recipes.recipe.Recipe`."""
