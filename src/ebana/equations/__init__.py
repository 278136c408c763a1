"""The equations of a batch of one circuit: residual, Jacobian, Schur complement, linear solvers."""
