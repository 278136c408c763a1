"""The laws of a whole circuit: Kirchhoff's, the energy, stages, nudges."""
