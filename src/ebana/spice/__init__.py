"""Running SPICE programs on decks. Needs the standard library and NumPy alone."""
