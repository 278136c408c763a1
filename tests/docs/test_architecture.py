"""The architecture names every room and module, and none that there is not."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^## Rooms$(.*?)^## ", re.MULTILINE | re.DOTALL)


def told() -> set[str]:
    """First names of what stands in the first column of the table of rooms."""
    found = TABLE.search((ROOT / "docs" / "architecture.md").read_text())
    assert found
    rows = [line.split("|")[1] for line in found[1].splitlines() if line.startswith("| `")]
    return {name.split("/")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_room_and_module_is_told_and_is_there():
    entries = (ROOT / "src" / "ebana").iterdir()
    there = {
        path.name
        for path in entries
        if (path.suffix == ".py" and not path.name.startswith("__")) or (path / "__init__.py").exists()
    }
    assert told() == there
