"""Modified nodal analysis of any circuit, sparse, on the host (Ho, Ruehli and Brennan 1975).

Unknowns are the potentials of the nodes that no source holds, then the currents of held branches::

    sum of currents that branches draw from a node = current injected there
    v(plus) - v(minus) - f(controls) = 0                 for each held branch
"""
