"""Systems with an energy: circuits on engines, Hopfield networks."""
