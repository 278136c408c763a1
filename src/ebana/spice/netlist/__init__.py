"""From a circuit to a deck, in the dialects of simulators."""
