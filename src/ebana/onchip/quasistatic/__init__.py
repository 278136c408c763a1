"""The quasi-static engine: every phase is an operating point, and charge on the weights' nodes is conserved."""
