"""Files: archives without code, atomic writes, states of optimizers."""
