"""Every notebook runs from top to bottom in a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.e2e.conftest import ROOT, Demo, demo  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, demo: Demo) -> None:  # noqa: F811
    notebook = nbformat.read(path, as_version=4)
    text = f'Path("{demo.case("demo-leak")}")'
    changed = [cell.source.replace('Path("../akashi-demo/demo-leak")', text) for cell in notebook.cells]
    assert sum(before.source != after for before, after in zip(notebook.cells, changed, strict=True)) == 1
    for cell, source in zip(notebook.cells, changed, strict=True):
        cell.source = source
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None)
