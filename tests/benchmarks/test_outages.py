"""What the tests of outages print is what the figures are read from."""

from pathlib import Path

from benchmarks import outages

PRINTED = """
.database, refuse, 60 s: pages after 1.5 s, the copy in flight after 4.0 s
.AWS, hang, 60 s: the copy was there after 11.2 s
mail, hang, 60 s: though it was away, the copy was there after 8.1 s
mail, hang, 60 s: people were told after 31.0 s
12 passed
"""


def test_each_line_is_a_figure() -> None:
    assert outages.read(PRINTED) == {
        "outage_database_refuse_pages_s": 1.5,
        "outage_database_refuse_copy_s": 4.0,
        "outage_aws_hang_copy_s": 11.2,
        "outage_mail_hang_copy_s": 8.1,
        "outage_mail_hang_mail_s": 31.0,
    }
    assert set(outages.read(PRINTED)) <= {figure.name for figure in outages.FIGURES}


def test_the_tests_print_these_words() -> None:
    text = "".join((outages.ROOT / Path(test)).read_text() for test in outages.TESTS)
    for words in outages.SAID:
        assert words in text
