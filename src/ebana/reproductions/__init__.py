"""Published results, run again: settings, networks, baselines and the comparison with the papers."""
