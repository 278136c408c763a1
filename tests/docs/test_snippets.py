"""Every Python snippet of the README and the documentation runs as it stands, cells of notebooks too.

The blocks of one file run one after the other in one namespace, as a reader would paste them. A block
after the comment ``<!-- no-run -->`` is only compiled.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(<!-- no-run -->\n\s*)?^```(?:\{code-cell\} )?python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(path):
    """The snippets of a file with their first lines, and whether they are to be run."""
    text = path.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield text[: match.start(2)].count("\n"), match.group(2), match.group(1) is None


def code_of(example):
    """The marked core of an example, from its imports on."""
    text = (ROOT / "examples" / example).read_text(encoding="utf-8")
    return re.search(r"^# --- core\n(.*)^# --- end of core", text, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize(
    "path", [f for f in FILES if list(blocks(f))], ids=lambda f: str(f.relative_to(ROOT))
)
def test_snippets_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for line, source, run in blocks(path):
        code = compile("\n" * line + source, str(path), "exec")  # tracebacks show the file's own lines
        if run:
            exec(code, namespace)


def test_readme_shows_the_iris_example():
    shown = [source for _, source, _ in blocks(ROOT / "README.md")]
    assert any(source.strip() == code_of("iris.py").strip() for source in shown)


@pytest.mark.parametrize("path", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert not missing
