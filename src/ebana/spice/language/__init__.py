"""The language of SPICE: cards, expressions, subcircuits. The standard library alone."""
