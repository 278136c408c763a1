"""Measurements of speed, memory, accuracy and agreement, each next to its target."""
