"""Twin networks that train themselves by coupled learning: a free and a clamped one, with a gate for each edge of both."""
