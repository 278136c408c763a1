"""A thin wrapper of the ngspice shared library (``libngspice``), one instance for the process.

Only four calls are used: ``ngSpice_Init``, ``ngSpice_Circ``, ``ngSpice_Command`` and
``ngGet_Vec_Info`` (ngspice manual, chapter 19). The library has global state and is not re-entrant:
hold :data:`~ebana.spice.simulators.session.LOCK` around a sequence of calls that belong together.

It speaks to the callbacks of whoever called ``ngSpice_Init`` last. Another binding in the same process (PySpice,
InSpice) takes them over, and all errors with them: loading a circuit begins with :meth:`LibNgspice.listen`, which takes
them back, and a reply that must come and does not is an error.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import signal
import threading
from collections import deque
from collections.abc import Iterable
from functools import cache

from ebana.spice.simulators.errors import EngineNotInstalled, NgspiceError, SimulatorDied
from ebana.spice.simulators.session import LOCK

LIBRARY_VARIABLE = "NGSPICE_LIBRARY_PATH"
"""Environment variable with the path of the library, where it is not on the loader's path."""

INSTALL = (
    "Install the ngspice shared library: 'apt-get install libngspice0' (Debian, Ubuntu), "
    "'dnf install libngspice' (Fedora), 'brew install libngspice' (macOS) or "
    "'conda install -c conda-forge ngspice-lib'; "
    f"or set {LIBRARY_VARIABLE} to its path."
)

OLDEST = 34
"""The oldest major version that is used; the equations of its devices are those of version 39, the one tested."""

_FILE_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.0.dylib", "libngspice.dylib", "ngspice.dll")


class _Complex(ctypes.Structure):
    _fields_ = (("real", ctypes.c_double), ("imag", ctypes.c_double))


class _VectorInfo(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("flags", ctypes.c_short),
        ("real", ctypes.POINTER(ctypes.c_double)),
        ("complex", ctypes.POINTER(_Complex)),
        ("length", ctypes.c_int),
    )


_SendChar = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
_ControlledExit = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int, ctypes.c_void_p
)

_CHATTER = (
    "Note:",
    "Warning:",
    "Circuit:",
    "Doing analysis",
    "No. of Data Rows",
    "Reference value",
    "Trying gmin",
    "Supplies reduced",
    "Numparam warning",
    "Using SPARSE",
)


_SINGULAR = "singular matrix"


QUOTED = 20
"""Lines at the beginning and at the end of a long answer that an error quotes."""

MOST_LINES = 100_000
"""Lines of one sequence of commands that are kept; an analysis that says more than that has failed."""


class Unheard(NgspiceError):
    """A reply that must come did not: whatever else was said is lost too."""


class LibNgspice:
    """The loaded library.

    Args:
        path: what the loader opened.
        handle: the ctypes library.
    """

    def __init__(self, path: str, handle: ctypes.CDLL) -> None:
        self.path = path
        self._handle = handle
        self.version = "ngspice"
        self.messages: deque[str] = deque(maxlen=MOST_LINES)
        self._pending: BaseException | None = None
        self._dead = ""
        self._call = handle.ngSpice_Command
        self._call.argtypes = [ctypes.c_char_p]
        self._circ = handle.ngSpice_Circ
        self._vector = handle.ngGet_Vec_Info
        self._vector.argtypes = [ctypes.c_char_p]
        self._vector.restype = ctypes.POINTER(_VectorInfo)
        # ngspice keeps the callbacks' addresses for the life of the process
        self._callbacks = (_SendChar(self._on_text), _ControlledExit(self._on_exit))
        self._questions = 0
        self._take_callbacks()
        for line in self.messages:
            if "ngspice-" in line:
                self.version = line.strip("* ").removesuffix(" shared library")
        check_version(self.version)

    def _take_callbacks(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        interrupt = signal.getsignal(signal.SIGINT) if main else None
        self._handle.ngSpice_Init(self._callbacks[0], None, self._callbacks[1], None, None, None, None)
        if interrupt is not None:
            signal.signal(signal.SIGINT, interrupt)
        self.command("set num_threads=1")  # a second thread costs more than it gains on busy machines

    def _answers(self) -> bool:
        """Whether what ngspice says reaches this object."""
        self._questions += 1
        word = f"ebana-{os.getpid()}-{self._questions}"
        self.messages.clear()
        self.command(f"echo {word}")
        return any(word in line for line in self.messages)

    def listen(self) -> bool:
        """Make sure that ngspice is heard; returns whether it had to be taken back from another binding.

        Raises:
            NgspiceError: when it stays silent.
        """
        if self._answers():
            return False
        self._take_callbacks()
        if not self._answers():
            raise NgspiceError(
                f"ngspice ({self.path}) does not answer: another binding of the library in this process keeps its "
                "callbacks, and errors would go unheard. Run the simulations in worker processes: "
                "NgspiceEngine(workers=1)."
            )
        return True

    def _on_text(self, text: bytes, _id: int, _user: int) -> int:
        try:
            self.messages.append(text.decode(errors="replace").removeprefix("stdout "))
        except BaseException as error:  # e.g. Ctrl-C: it cannot cross the library's frames
            self._pending = error
        return 0

    def _on_exit(self, _status: int, _immediate: bool, _quit: bool, _id: int, _user: int) -> int:
        self._dead = self._dead or "ngspice asked to be unloaded"
        return 0

    def command(self, text: str) -> None:
        """Run one command; what it says is in ``messages``.

        Raises:
            NgspiceError: when the library asked to be unloaded, which no later command survives.
        """
        self._check_alive()
        self._call(text.encode())
        self._call(None)  # ngspice keeps every command it was given until it is told to forget them
        self._after(text)

    def _after(self, what: str) -> None:
        if self._pending is not None:
            error, self._pending = self._pending, None
            raise error
        if self._dead:
            self._dead = f"ngspice gave up at {what!r}: {self.said()}."
            raise SimulatorDied(self._dead)

    def _check_alive(self) -> None:
        if self._dead:
            raise SimulatorDied(self._dead)

    def _lines(self) -> list[str]:
        lines = [line.removeprefix("stderr ").strip() for line in self.messages]
        return [line for line in lines if line and not line.startswith(_CHATTER)]

    def said(self) -> str:
        """What ngspice said since the messages were last cleared, progress left out, in one line."""
        lines = self._lines()
        left_out = [f"... ({len(lines) - 2 * QUOTED} lines) ..."] if len(lines) > 2 * QUOTED else []
        shown = [*lines[:QUOTED], *left_out, *lines[-QUOTED:]] if left_out else lines
        return " | ".join(shown) or "(no message)"

    def errors(self) -> list[str]:
        """The messages that are errors; notes and warnings are not."""
        flood = [f"error: more than {MOST_LINES - 1} lines"] if len(self.messages) == MOST_LINES else []
        return [line for line in self._lines() if "error" in line.lower()] + flood

    def stepped(self) -> bool:
        """Whether the last analysis needed stepping of gmin or of the sources, or a transient."""
        return any("step" in line or "Transient op" in line for line in self.messages)

    def singular(self) -> str:
        """The message that names an undetermined node or a loop of sources, or "".

        It comes as a warning, and ngspice may go on to potentials that no equation determines.
        """
        return undetermined(self.messages)

    def load(self, lines: Iterable[str]) -> None:
        """Load a deck in place of the one before.

        Raises:
            NgspiceError: when ngspice does not accept it; the message holds ngspice's own.
        """
        self._check_alive()
        self.listen()
        encoded = [line.encode("ascii") for line in lines]
        self.messages.clear()
        failed = self._circ((ctypes.c_char_p * (len(encoded) + 1))(*encoded, None))
        self._after("loading the circuit")
        said = self.said()
        if failed or self.errors() or not self._has_circuit():
            raise NgspiceError(f"ngspice did not accept the circuit: {said}")

    def set(self, assignments: Iterable[str]) -> None:
        """Run ``alter`` for each ``"device parameter = value"``.

        Raises:
            NgspiceError: when one of them is refused.
        """
        self._check_alive()
        self.messages.clear()
        for assignment in assignments:
            self._call(b"alter " + assignment.encode())
            self._call(None)
        self._after("alter")
        if self.errors():
            raise NgspiceError(f"ngspice refused a value: {self.said()}")

    def _has_circuit(self) -> bool:
        """Some decks are dropped with no more than a remark, such as instances with too many nodes."""
        self.command("rusage totiter")
        return not any("no active circuit" in line for line in self.messages)

    def iterations(self) -> int:
        """Newton iterations since the circuit was loaded.

        Raises:
            Unheard: when ngspice does not say.
        """
        self.messages.clear()
        self.command("rusage totiter")
        for line in self.messages:
            if line.startswith("Total iterations"):
                return int(line.rpartition("=")[2])
        raise Unheard(
            f"ngspice did not answer 'rusage totiter': {self.said()}. Expected a number of iterations."
        )

    def value(self, vector: bytes) -> float | None:
        """First value of a vector of the current plot, or None where there is no such vector."""
        info = self._vector(vector)
        if not info:
            return None
        contents = info.contents
        return contents.real[0] if contents.length > 0 and contents.real else None


def undetermined(lines: Iterable[str]) -> str:
    """The "singular matrix" that an analysis did not get over, from that word on, or "".

    An iterate may be singular without harm, as where all switches are open; stepping that completes then
    ends with the circuit's own equations. What only the transient found has no equation behind it.

    Example:
        >>> warning = "stderr Trying gmin = 1.0E-03 Warning: singular matrix:  check node f"
        >>> undetermined([warning])
        'singular matrix: check node f'
        >>> undetermined([warning, "stderr Note: Dynamic gmin stepping completed"])
        ''
    """
    found = ""
    for line in lines:
        if _SINGULAR in line:
            found = " ".join(line[line.index(_SINGULAR) :].split())
        elif "stepping completed" in line:
            found = ""
    return found


def check_version(name: str) -> None:
    """Refuse an ngspice that is too old, from what it calls itself, such as ``"ngspice-39"``.

    Raises:
        EngineNotInstalled: with the versions that will do.
    """
    found = re.search(r"ngspice-(\d+)", name)
    if found and int(found[1]) < OLDEST:
        raise EngineNotInstalled(f"{name} is too old. Expected ngspice-{OLDEST} or later. {INSTALL}")


@cache
def _of_loader() -> str | None:
    """The library's name as the system's loader knows it; asking takes a process of its own."""
    return ctypes.util.find_library("ngspice")


def _candidates() -> list[str]:
    chosen = os.environ.get(LIBRARY_VARIABLE)
    if chosen:
        return [chosen]
    found = _of_loader()
    return [*([found] if found else []), *_FILE_NAMES]


def find() -> tuple[str, ctypes.CDLL]:
    """Open the library; returns the name it was found under and its handle.

    Raises:
        EngineNotInstalled: when it is not found; says how to install it.
    """
    tried = _candidates()
    for name in tried:
        try:
            return name, ctypes.CDLL(name)
        except OSError:
            continue
    raise EngineNotInstalled(f"libngspice was not found (tried {', '.join(tried)}). {INSTALL}")


_loaded: dict[int, LibNgspice] = {}
"""What was loaded in this process, by its handle: a library has one instance, which hears all that it says."""


def library() -> LibNgspice:
    """The library, loaded at the first call; the same object for all calls that find the same library.

    Raises:
        EngineNotInstalled: when it is not found; says how to install it.
    """
    with LOCK:
        path, handle = find()
        found = _loaded.get(handle._handle)
        if found is None:
            found = _loaded[handle._handle] = LibNgspice(path, handle)
        return found
