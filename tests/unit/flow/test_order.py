"""The table of stages names what is there."""

import subprocess
import sys

from pipeline.flow.order import ORDER, all_stages, stage_named


def test_each_stage_has_the_name_it_is_listed_under() -> None:
    assert [stage.name for stage in all_stages()] == list(ORDER)
    assert stage_named("verdict").name == "verdict"


def test_a_stage_reads_only_what_stages_before_it_wrote() -> None:
    shared = {"diagnostics", "examinations", "sources"}
    written: set[str] = set()
    for stage in all_stages():
        assert set(stage.reads) - shared <= written, stage.name
        written |= set(stage.writes)


def test_a_jail_imports_its_own_stage_only() -> None:
    program = (
        "import sys; import pipeline.flow.child; from pipeline.flow.order import stage_named; stage_named('entries');"
        "print([name for name in ('carvers', 'artefacts', 'decoders') if 'pipeline.' + name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert told == "[]\n"
