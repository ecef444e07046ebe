"""`manage.py policy`: the IAM policies amicopy needs, as JSON for `aws iam`, made from what it calls."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.aws import partitions, policies
from amicopy.copies.core.installation import mark_prefix
from amicopy.copies.core.models import Account


class Command(BaseCommand):
    help = "Writes an IAM policy that amicopy needs, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True)
        worker = kinds.add_parser("worker", help="what workers need in an account: they look, copy, remove their own")
        web = kinds.add_parser("web", help="what the web server needs in an account: it looks")
        for kind in (worker, web):
            kind.add_argument("--partition", default="aws", choices=sorted(partitions.partitions()))
            kind.add_argument("--key", action="append", default=[], help="ARN of a KMS key; without any, all keys")
        steps = kinds.add_parser("steps", help="what workers need besides for the steps after a copy")
        steps.add_argument("--web", action="store_true", help="what the web server needs for them: it looks")
        steps.add_argument("--partition", default="aws", choices=sorted(partitions.partitions()))
        existing = kinds.add_parser("existing", help="what workers need besides for steps for AMIs that exist")
        existing.add_argument("--partition", default="aws", choices=sorted(partitions.partitions()))
        enter = kinds.add_parser("enter", help="what amicopy's own credentials need to enter the roles of its accounts")
        enter.add_argument("--web", action="store_true", help="for the web server: read-only roles where there are any")
        trust = kinds.add_parser("trust", help="the trust policy of an account's role: amicopy, with its ExternalId")
        trust.add_argument("account", help="the account's name or its 12 digits")
        trust.add_argument("--principal", required=True, help="ARN of who amicopy is by itself, such as its own role")

    def handle(self, *, kind: str, **options: Any) -> None:
        """Raises CommandError where there is no such account, or no role to enter."""
        self.stdout.write(json.dumps(getattr(self, f"_{kind}")(**options), indent=2))

    def _worker(self, *, partition: str, key: list[str], **_: Any) -> policies.Document:
        return policies.worker(partition, mark_key=settings.MARK_TAG_KEY, mark_values=f"{mark_prefix()}*", keys=key)

    def _web(self, *, partition: str, key: list[str], **_: Any) -> policies.Document:
        return policies.web(partition, keys=key)

    def _steps(self, *, partition: str, web: bool, **_: Any) -> policies.Document:
        if web:
            return policies.steps_web(partition)
        return policies.steps(partition, mark_key=settings.MARK_TAG_KEY, mark_values=f"{mark_prefix()}*")

    def _existing(self, *, partition: str, **_: Any) -> policies.Document:
        return policies.existing(partition)

    def _enter(self, *, web: bool, **_: Any) -> policies.Document:
        accounts = Account.objects.filter(enabled=True)
        roles = [account.read_only_role_arn if web else "" for account in accounts]
        roles = [own or account.role_arn for own, account in zip(roles, accounts, strict=True)]
        if not any(roles):
            raise CommandError("No account has a role to enter. Add one on the page Accounts.")
        return policies.enter([role for role in roles if role])

    def _trust(self, *, account: str, principal: str, **_: Any) -> policies.Document:
        found = [each for each in Account.objects.all() if account in {each.name, each.account_id}]
        if not found:
            raise CommandError(f"There is no account called {account}. Add it on the page Accounts first.")
        return policies.trust(principal=principal, external_id=found[0].external_id)
