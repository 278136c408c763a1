"""A circuit that trains itself
============================

No program computes these weights. Each is a charge on a capacitor, and circuits around them run free phases,
nudged phases and updates, point after point. Nothing is set from outside after the start.
"""

from ebana.onchip import OnChip, recipes, tasks

seeds = [0, 1, 2, 3]  # four chips side by side
model = OnChip(recipes.network(recipes.SINE, features=1), seeds=seeds)
history = model.fit([tasks.sine(seed) for seed in seeds], epochs=40)
print("R2 of each chip:", [round(float(r2), 3) for r2 in history.final])

figure = history.plot()
