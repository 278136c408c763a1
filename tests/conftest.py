"""Shared helpers (``oracles``, ``circuits``) are importable because this file puts ``tests`` on the path."""

import os

# The tests compile hundreds of small programs and run each a few times: leave optimisation out.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
