"""Simulators as seen from Python: decks and numbers go in, node potentials come out.

This room knows nothing of layers, circuits or learning, and imports neither JAX nor anything that does,
so that a worker process starts in a fraction of a second.
"""
