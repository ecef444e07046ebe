"""The form for steps for an AMI that exists: the request form's account, AMI, steps, reason and start, without
destinations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from amicopy.copies import rules
from amicopy.copies.core.calls import Call, existing_image
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lookups.source import Source
from amicopy.web.forms import step_inputs
from amicopy.web.forms.request_form import SOURCE, RequestForm


@dataclass
class ExistingForm(RequestForm):
    """Such a form as it was typed. Whether the AMI is the account's own is for the rules to say, once it was seen."""

    @cached_property
    def each(self) -> list[RequestForm]:
        """It has one AMI."""
        return [self]

    def calls(self) -> list[Call]:
        """What stands in place of the call."""
        region, image_id = self.source
        return [existing_image(region, image_id)]

    def check(self) -> list[Call]:
        """The same, with what is wrong before anybody looks at the AMI."""
        self.checked = True
        if self.account is None:
            self.add_error("account", "Choose the AWS account that owns the AMI.")
        if len(self.sources) > 1:
            self.add_error(SOURCE, "Enter one AMI: each has a request of its own.")
        self.check_texts()
        self.refuse(self._steps[1])
        return self.calls()


def initial_of(row: CopyRequest, *, again: bool) -> dict[str, str]:
    """The form's data for a clone of such a request, or, `again`, for the request itself, which was sent back."""
    start = row.start_not_before if again else None
    return {
        "account": row.account.name,
        "reason": row.reason,
        "SourceRegion": row.SourceRegion,
        SOURCE: row.SourceImageId,
        "again": str(row.pk) if again else "",
        "start_not_before": f"{timezone.localtime(start):%Y-%m-%dT%H:%M}" if start else "",
        **step_inputs.typed(row.steps_as_asked()),
    }


def query_of(account: Account, region: str, image_id: str) -> str:
    """What an address says that opens the form for an AMI."""
    return urlencode({"account": account.name, "SourceRegion": region, SOURCE: image_id})


def in_the_way(calls: Sequence[Call], seen: Source, account: Account) -> list[Mapping[str, Any]]:
    """What is wrong with the AMI that was seen, as the page warns."""
    lookups = {"source": source_binding.lookup_of(seen.image)}
    errors = rules.check_request(calls, account_id=account.account_id, partition=account.partition, lookups=lookups)
    return [{"code": each.code, "message": each.message, "stops": True} for each in errors]
