"""What processes of tests and benchmarks begin with."""

from pathlib import Path

from tests import migrated


def test_a_database_that_is_there_stays(tmp_path: Path) -> None:
    migrated.put_into(tmp_path)
    (made,) = tmp_path.iterdir()
    made.write_text("in use")
    migrated.put_into(tmp_path)
    assert made.read_text() == "in use"
