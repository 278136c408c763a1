"""Decks: whole circuits as SPICE text."""
