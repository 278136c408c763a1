"""MOSFETs of level 1 as two-terminal devices."""
