"""Reading evidence loads neither pandas nor dfVFS where nothing asks for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.file_systems import make_ntfs
from tests.builders.images import missing_tools

PROGRAM = """
import sys
from pathlib import Path
from pipeline.lean import keep_pandas_out
keep_pandas_out()
import pyarrow as pa
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.reconcile import list_batches
from pipeline.access.volumes import scan_volumes
options = FileSystemOptions()
image = open_image(Path(sys.argv[1]))
(volume,) = scan_volumes(image, "EX-01", options)
paths = [path for rows in list_batches(image, volume, options) for path in rows.column("path").to_pylist()]
print("/$MFT" in paths, sorted({"pandas", "dfvfs"} & set(sys.modules)))
print(type(pa.table({"a": [1]}).to_pandas()).__name__)
"""


@pytest.mark.skipif(bool(missing_tools()), reason="mkntfs is missing")
def test_a_listing_loads_neither_pandas_nor_dfvfs_and_pandas_still_works(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(make_ntfs(tmp_path))]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["True []", "DataFrame"]
