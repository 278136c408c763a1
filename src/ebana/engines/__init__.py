"""Who finds the operating point: one contract, several engines."""
