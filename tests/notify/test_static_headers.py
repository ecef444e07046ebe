"""Headers of a webhook's own: what a person may type, and that they are kept encrypted."""

import pytest
from django.core.exceptions import ValidationError

from amicopy.notify import static_headers
from amicopy.notify.models import Endpoint
from amicopy.notify.sealing import seal


def test_lines_become_headers_by_name() -> None:
    typed = "Authorization: Bearer a:b\r\n\n  X-Queue :  copies  \n"
    assert static_headers.parse(typed) == {"Authorization": "Bearer a:b", "X-Queue": "copies"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Authorization", "Line 1 must be a header's name, a colon and its value."),
        (": value", "Line 1 must be a header's name, a colon and its value."),
        ("A B: value", "Line 1 must be a header's name, a colon and its value."),
        ("Ä: value", "Line 1 must be a header's name, a colon and its value."),
        ("X-Empty:", "Line 1: a value has 1 to 1,000 characters of ASCII, without breaks."),
        ("X-Long: " + "a" * 1001, "Line 1: a value has 1 to 1,000 characters of ASCII, without breaks."),
        ("X-Other: ä", "Line 1: a value has 1 to 1,000 characters of ASCII, without breaks."),
        ("X-Nul: a\x00b", "Line 1: a value has 1 to 1,000 characters of ASCII, without breaks."),
        ("A: 1\nHost: evil.example", "Line 2: amicopy sets Host itself."),
        ("content-Length: 3", "Line 1: amicopy sets content-Length itself."),
        ("Webhook-Id: 3", "Line 1: amicopy sets Webhook-Id itself."),
        ("Transfer-Encoding: chunked", "Line 1: amicopy sets Transfer-Encoding itself."),
        ("X-A: 1\nx-a: 2", "Line 2: x-a is there twice."),
        ("\n".join(f"X-{n}: 1" for n in range(6)), "Enter at most 5 headers. These are 6."),
    ],
)
def test_what_is_no_header_is_refused_by_its_line(typed: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        static_headers.parse(typed)
    assert refused.value.messages == [words]


@pytest.mark.django_db
def test_the_database_does_not_hold_them_as_text() -> None:
    endpoint = Endpoint(name="engine", sealed_url=seal("https://hooks.example/"))
    endpoint.headers = {"Authorization": "Bearer of-the-engine"}
    endpoint.save()
    row = Endpoint.objects.values().get(pk=endpoint.pk)
    assert "of-the-engine" not in str(row)
    assert "Authorization" not in str(row)
    assert Endpoint.objects.get(pk=endpoint.pk).headers == {"Authorization": "Bearer of-the-engine"}
