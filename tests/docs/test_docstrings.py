"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import ebana

MODULES = sorted(
    m.name for m in pkgutil.walk_packages(ebana.__path__, "ebana.") if not m.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0, f"{found.failed} of {found.attempted} examples failed (see the output above)"
