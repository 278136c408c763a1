"""A session with the ngspice shared library of this process."""

from __future__ import annotations

from collections.abc import Iterable

from ebana.spice import libngspice
from ebana.spice.errors import NgspiceError, quoted
from ebana.spice.program import Program
from ebana.spice.session import Session


class NgspiceSession(Session):
    """One loaded circuit; ``alter`` and ``op`` for each sample.

    Raises:
        EngineNotInstalled: when the library is not found, or too old.
    """

    def __init__(self) -> None:
        super().__init__()
        self._spice = libngspice.library()
        self._reads: list[bytes] = []
        self._iterations = 0

    def load(self, program: Program) -> None:
        """See :meth:`Session.load`."""
        try:
            self._spice.load(program.lines)
        except NgspiceError as error:
            raise NgspiceError(quoted(str(error), program.lines)) from None
        self._reads = [name.lower().encode() for name in program.reads]
        self._iterations = self._spice.iterations()

    def unload(self) -> None:
        """See :meth:`Session.unload`."""
        if self._program is not None:
            self._spice.command("remcirc")
        super().unload()

    def alter(self, changes: Iterable[tuple[str, float]]) -> None:
        """See :meth:`Session.alter`."""
        self._spice.set(f"{handle} = {value!r}" for handle, value in changes)

    def operating_point(self) -> tuple[list[float] | None, int, str]:
        """See :meth:`Session.operating_point`."""
        spice = self._spice
        spice.messages.clear()
        spice.command("op")
        failed = bool(spice.errors())  # an old plot could still be read
        found = None if failed else [spice.value(name) for name in self._reads]
        said = spice.said() if found is None or None in found else ""
        before, self._iterations = self._iterations, spice.iterations()
        spice.command("destroy all")  # each plot that is kept slows all that follow
        return (None if said else found), self._iterations - before, said  # type: ignore[return-value]


def require() -> str:
    """Version and place of the library; raises EngineNotInstalled where there is none that will do."""
    found = libngspice.library()
    return f"{found.version} ({found.path})"


open_session = NgspiceSession
