"""Whether amicopy gets into an account: asked of AWS, or as a worker found it lately."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from amicopy.aws import errors, sts
from amicopy.aws.account import AwsAccount
from amicopy.copies.core.models import Account, AccountCheck
from amicopy.copies.lookups import async_queries
from amicopy.copies.lookups.async_queries import Question
from amicopy.copies.rules.known_problems import Known, words

KEPT_SECONDS = 60
# So long a worker's look counts, where the page's role is another than the one that copies.
LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """What AWS says when amicopy knocks. `code` and `problem` say why it stays outside, empty when it gets in."""

    code: str = ""
    problem: str = ""


def question(account: AwsAccount) -> Question[Entry]:
    """Whether AWS lets amicopy into the account; an AWS that doesn't answer is no answer."""

    def ask() -> Entry:
        try:
            found = sts.identity(account)
        except errors.Denied as error:
            return Entry(Known.ACCOUNT_NOT_ENTERED, words(Known.ACCOUNT_NOT_ENTERED, code=error.code))
        if found.Account != account.account_id:
            return Entry(Known.ACCOUNT_IS_ANOTHER, words(Known.ACCOUNT_IS_ANOTHER, other=found.Account))
        return Entry()

    return Question("entry", account, (), ask, KEPT_SECONDS)


def asked_of_aws(account: Account, *, as_worker: bool) -> bool:
    """Whether who asks enters by the role that copies; a page with a role of its own goes by what a worker found."""
    return as_worker or not account.read_only_role_arn


def found_by_worker(account: Account) -> Entry:
    """Why a worker didn't get in when it looked lately; nothing where it did, or didn't look."""
    looks = AccountCheck.objects.filter(account=account, checked_at__gte=timezone.now() - LATELY)
    check = looks.exclude(error="").first()
    return _of_check(check) if check else Entry()


def problems(accounts: Iterable[Account]) -> dict[int, str]:
    """Which of these accounts amicopy can't enter, by primary key, and why, as far as it is known now; asks nothing.
    What AWS said to a page counts before a worker's look."""
    rows = list(accounts)
    looks = AccountCheck.objects.filter(account__in=rows, checked_at__gte=timezone.now() - LATELY).exclude(error="")
    found = {check.account_id: _of_check(check).problem for check in looks}
    for account in rows:
        asks = asked_of_aws(account, as_worker=False)
        if asks and (entry := async_queries.known(question(account.read_only()))) is not None:
            found[account.pk] = entry.problem
    return {pk: problem for pk, problem in found.items() if problem}


def _of_check(check: AccountCheck) -> Entry:
    # AWS's own words begin with its code.
    code = check.said.partition(":")[0] or check.error
    return Entry(Known.ACCOUNT_NOT_ENTERED, words(Known.ACCOUNT_NOT_ENTERED, code=code))
