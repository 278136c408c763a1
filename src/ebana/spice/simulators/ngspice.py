"""A session with the ngspice shared library of this process."""

from __future__ import annotations

from collections.abc import Iterable

from ebana.spice.simulators import libngspice
from ebana.spice.simulators.errors import NgspiceError, quoted
from ebana.spice.simulators.program import ParametricDeck
from ebana.spice.simulators.session import Session


class NgspiceSession(Session):
    """One loaded circuit; ``alter`` and ``op`` for each sample.

    Raises:
        EngineNotInstalled: when the library is not found, or too old.
    """

    def __init__(self) -> None:
        super().__init__()
        self._spice = libngspice.library()
        self._reads: list[bytes] = []
        self._set: dict[str, float] = {}
        self._iterations = 0

    def load(self, program: ParametricDeck) -> None:
        """See :meth:`Session.load`."""
        try:
            self._spice.load(program.lines)
        except NgspiceError as error:
            raise type(error)(quoted(str(error), program.lines)) from None
        self._set = {}
        self._reads = [name.lower().encode() for name in program.reads]
        self._iterations = self._spice.iterations()

    def unload(self) -> None:
        """See :meth:`Session.unload`."""
        if self._program is not None:
            self._spice.command("remcirc")
        super().unload()

    def alter(self, changes: Iterable[tuple[str, float]]) -> None:
        """See :meth:`Session.alter`."""
        changed = dict(changes)
        self._set.update(changed)
        self._spice.set(f"{handle} = {value!r}" for handle, value in changed.items())

    def operating_point(self) -> tuple[list[float] | None, int, str]:
        """See :meth:`Session.operating_point`."""
        try:
            return self._analyse()
        except libngspice.Unheard:  # another binding took the callbacks over, and the errors of this analysis
            self._spice.listen()
            self._spice.command("destroy all")
            self._load_again()
            return self._analyse()

    def _analyse(self) -> tuple[list[float] | None, int, str]:
        spice = self._spice
        spice.messages.clear()
        spice.command("op")
        singular, stepped = spice.singular(), spice.stepped()
        failed = bool(spice.errors() or singular)  # an old plot could still be read
        found = None if failed else [spice.value(name) for name in self._reads]
        said = singular or (spice.said() if found is None or None in found else "")
        before, self._iterations = self._iterations, spice.iterations()
        iterations = self._iterations - before
        spice.command("destroy all")  # each plot that is kept slows all that follow
        if singular or stepped:
            self._load_again()
        return (None if said else found), iterations, said  # type: ignore[return-value]

    def _load_again(self) -> None:
        """Start afresh after an analysis that was hard.

        A matrix that was singular keeps numbers that make the next analysis look determined, and after
        stepping of gmin or of the sources the next points are some microvolts off.
        """
        assert self._program is not None
        self._spice.command("remcirc")
        self._spice.load(self._program.lines)
        self._spice.set(f"{handle} = {value!r}" for handle, value in self._set.items())
        self._iterations = self._spice.iterations()


def require() -> str:
    """Version and place of the library; raises EngineNotInstalled where there is none that will do."""
    found = libngspice.library()
    return f"{found.version} ({found.path})"


open_session = NgspiceSession
