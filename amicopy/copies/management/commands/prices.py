"""`manage.py prices`: says which price list is in use, and with `--refresh` asks AWS for the prices of now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit.actor import Actor
from amicopy.aws.errors import AwsError
from amicopy.copies.core import prices
from amicopy.copies.core.models import Account
from amicopy.copies.operations import price_refresh


class Command(BaseCommand):
    help = "Ask AWS for its prices, for estimates; with --show, say which are in use."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", default="", help="the 12 digits of the account to ask as; otherwise the first")
        parser.add_argument("--show", action="store_true", help="ask nothing; say which list is in use")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show"]:
            self._say(prices.current())
            return
        accounts = Account.objects.filter(enabled=True, partition="aws").order_by("pk")
        if options["account"]:
            accounts = accounts.filter(account_id=options["account"])
        account = accounts.first()
        if account is None:
            raise CommandError("No account of the partition aws that is switched on to ask as.")
        try:
            data = price_refresh.ask(account)
        except AwsError as error:
            raise CommandError(
                f"AWS doesn't tell {account.name} its prices, so the list stays as it is. {error} "
                "The role needs pricing:GetProducts."
            ) from error
        except price_refresh.NoPrices as error:
            raise CommandError(f"{error} The list stays as it is.") from error
        self._say(price_refresh.keep(data, actor=Actor(name="manage.py prices", source="command")))

    def _say(self, found: prices.Prices) -> None:
        for source in found.sources:
            self.stdout.write(f"{source.published:%Y-%m-%d}  {source.name}")
        counts = ", ".join(f"{number} of {name}" for name, number in found.counts().items())
        self.stdout.write(f"Prices in {found.currency}: {counts}.")
