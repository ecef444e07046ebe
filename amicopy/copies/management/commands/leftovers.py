"""`manage.py leftovers`: lists images and snapshots that amicopy made and no request wants. Removes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from amicopy.copies.core.models import Account
from amicopy.copies.engine import leftover_scan


class Command(BaseCommand):
    help = "List images and snapshots that amicopy made and no request wants."

    def handle(self, *args: Any, **options: Any) -> None:
        found, unreachable = leftover_scan.find(Account.objects.filter(enabled=True))
        for item in found:
            self.stdout.write(
                f"{item.account.account_id} {item.DestinationRegion} {item.ImageId} "
                f"{item.State or 'deregistered'} {item.gib} GiB in {len(item.snapshots)} snapshots "
                f"({f'request #{item.request}' if item.request else 'no request knows it'})"
            )
        for place in unreachable:
            self.stderr.write(f"{place.account.account_id} {place.DestinationRegion} can't be looked at: {place.error}")
        self.stdout.write(f"{len(found)} leftovers.")
        if unreachable:
            raise SystemExit(1)
