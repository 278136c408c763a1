"""Shared helpers (``oracles``, ``circuits``) are importable because this file puts ``tests`` on the path."""
