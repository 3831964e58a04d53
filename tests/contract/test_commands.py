"""Every command is in the table of commands, and asking what there are loads no engine."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pipeline.cli
from pipeline.cli import COMMANDS, main

ENGINES = {"dfvfs", "duckdb", "hyperscan", "jinja2", "numpy", "pandas", "PIL", "pyarrow", "pytsk3", "yara"}


def test_every_module_with_a_handle_is_a_command() -> None:
    names = sorted(path.stem for path in Path(pipeline.cli.__file__).parent.glob("[a-z]*.py"))
    assert [name for name in names if hasattr(import_module(f"pipeline.cli.{name}"), "handle")] == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: akashi {name} ")


def test_help_loads_no_engine() -> None:
    program = (
        "import sys\nfrom pipeline.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted({ENGINES!r} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = answer.stdout.splitlines()
    assert lines[-1] == "[]"
    assert all(any(line.split()[:1] == [name] for line in lines) for name in COMMANDS)
