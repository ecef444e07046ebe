"""`manage.py confirm_change [NUMBER]`: what waits for another administrator, and confirming it where there is none."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from amicopy.audit.actor import Actor
from amicopy.copies.core.proposal_models import Proposal
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_decisions


class Command(BaseCommand):
    help = "Lists the changes that wait for another administrator, or confirms one as whoever operates this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, nargs="?")

    def handle(self, *, number: int | None, **options: object) -> None:
        if number is None:
            for waits in Proposal.objects.filter(state=Proposal.State.WAITING).select_related("proposed_by"):
                self.stdout.write(f"{waits.pk}: {waits.title}, proposed by {waits.proposed_by.get_username()}")
                for name, (old, new) in waits.changes.items():
                    self.stdout.write(f"    {name}: {old!r} -> {new!r}")
            return
        try:
            done = proposal_decisions.confirm_at_the_machine(Actor(name="confirm_change", source="command"), number)
        except Proposal.DoesNotExist:
            raise CommandError(f"There is no proposed change {number}.") from None
        except InvalidTransition as refused:
            raise CommandError(str(refused)) from None
        if done.state == Proposal.State.LAPSED:
            raise CommandError(f"{done.title}: it was out of date, and nothing has changed. {done.why}")
        self.stdout.write(f"{done.title}: confirmed.")
