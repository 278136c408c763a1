"""Errors as one line for a person, and as an exit code for a script."""

from __future__ import annotations

FAILED, USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

_OF_THE_USER = (ValueError, TypeError, KeyError, OSError, ImportError)
"""Errors that wrong input raises in the package; each says what to do."""


def stopped_code(signal: BaseException) -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    return INTERRUPTED if isinstance(signal, KeyboardInterrupt) else TERMINATED


def exit_code(error: BaseException) -> int:
    """2 for wrong usage and input, 1 for anything else."""
    if hasattr(error, "format_message"):  # of the command line's own parser
        return int(getattr(error, "exit_code", USAGE))
    if isinstance(error, _OF_THE_USER) or type(error).__name__ == "EngineNotInstalled":
        return USAGE
    return FAILED


def describe(error: BaseException) -> str:
    """The error as one line."""
    if hasattr(error, "format_message"):
        text = f"{str(error.format_message()).rstrip('.')}. See 'ebana --help'."  # type: ignore[attr-defined]
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    elif isinstance(error, MemoryError):
        text = "out of memory. Train with a smaller batch, or on a machine with more."
    else:
        text = str(error) or type(error).__name__
    text = " ".join(text.split())
    if exit_code(error) == FAILED and type(error).__module__ == "builtins":
        text = f"{type(error).__name__}: {text} (run again with --debug for the whole story)"
    return text
