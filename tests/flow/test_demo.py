"""scripts/run.sh --demo as README.md shows it, with nothing that makes it faster: test_run.py tests the rest."""

from test_run import SAMPLE, Pipeline, expected, table
from waiting import wait_until


def test_as_it_is_shown(tmp_path):
    pipeline = Pipeline(tmp_path)
    try:
        program = pipeline.start("--demo")
        assert program.wait(200) == 0, program.stderr
        assert table(program) == expected(SAMPLE)
        assert len(pipeline.sql("select * from room limit 5")) == 5
        pipeline.assert_nothing_left()
    finally:
        pipeline.end_all()
        wait_until(lambda: not pipeline.processes(), 60, lambda: f"nothing is left: {pipeline.processes()}")
