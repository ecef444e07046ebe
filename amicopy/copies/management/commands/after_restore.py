"""`manage.py after_restore`: what a restored backup needs before anything is called."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit.actor import Actor
from amicopy.copies.core.states import CopyState
from amicopy.copies.operations import restored_backup
from amicopy.copies.operations.restored_backup import TooFew, Unseen


class Command(BaseCommand):
    help = (
        "To be run once after a backup was restored, before web, workers and beat are started: numbers jump, and what "
        "was made since the backup is looked for at AWS before anything is called."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--skip",
            type=int,
            default=100_000,
            help="how many numbers of requests, events and so on are left out: more than were given since the backup",
        )

    def handle(self, *, skip: int, **options: object) -> None:
        if skip < 1:
            raise CommandError("--skip must be 1 at least: numbers that were given away would be given again.")
        actor = Actor(name="after_restore", source="command")
        try:
            event = restored_backup.go_on(actor, skip=skip)
        except TooFew as few:
            raise CommandError(str(few)) from None
        data = event.data
        self.stdout.write(
            f"The backup's newest event is {data['newest_event']}; the history goes on with event {event.pk}. "
            f"For {data['requests']} requests AWS is looked at before anything is called."
        )
        unseen = False
        for found in restored_backup.made_since(actor):
            if isinstance(found, Unseen):
                unseen = True
                self.stderr.write(f"{found.account.account_id} {found.region} can't be looked at: {found.error}")
                continue
            copy, image = found.copy, found.image
            then = "once it is approved" if copy.state == CopyState.HELD else "by itself"
            self.stdout.write(
                f"Request #{copy.request_id}, {copy.destination}: {image.ImageId} ({image.State}) was made since the "
                f"backup, and is gone on with {then}."
            )
        if unseen:
            raise CommandError("What couldn't be looked at now is looked at before each call; nothing else is missing.")
