"""The junction diode: its law by ngspice's equations, its numbers at a temperature, its cards."""
