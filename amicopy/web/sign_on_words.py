"""The words for why nobody was signed on by a provider, for the page that says so. Nothing reads them back."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """What went wrong, and what to do; `{}` stands for the provider."""

    title: str
    help: str

    def about(self, label: str) -> "Words":
        """The words with the provider's name."""
        return Words(self.title.format(label), self.help.format(label))


_TELL = "Tell whoever operates amicopy, with the time. A password of amicopy's own, if you have one, works meanwhile."
_GROUPS = (
    "Without your groups nobody here knows what you may do. Whoever operates amicopy finds what to set at {} in "
    "docs/sign-on.md."
)
WORDS: Mapping[str, Words] = {
    "unreachable": Words("{} doesn’t answer", "Wait a minute, and try again. Nothing is lost."),
    "busy": Words("{} answers too slowly", "Others wait for it too. Try again in a minute."),
    "nonsense": Words("{} answers what can’t be used", f"Try again. {_TELL}"),
    "issuer": Words("{} isn’t who it should be", f"It names another issuer than amicopy’s settings do. {_TELL}"),
    "state": Words(
        "This sign-in didn’t begin here",
        "It was begun in another browser, too long ago, or is used up already. Begin again.",
    ),
    "token": Words(
        "{} vouched for nobody",
        "What it sent isn’t signed by it, isn’t for amicopy, or is too old. If clocks differ by more than two minutes, "
        f"that is why. {_TELL}",
    ),
    "asks": Words("{} wants to ask you something", "Try again, and answer it there."),
    "refused": Words(
        "{} refused you", "You cancelled it, or aren’t assigned to amicopy there. Ask whoever manages {}."
    ),
    "switched-off": Words("Your account is switched off", "Ask an administrator of your cloud team."),
    "no-role": Words(
        "Nothing here is for you yet",
        "None of your groups at {} gives you a role in amicopy. Ask an administrator of your cloud team which does.",
    ),
    "address-taken": Words(
        "Somebody here has your e-mail address already",
        "If that is you, whoever operates amicopy can link the two: manage.py link_person. Nobody is matched by an "
        "address alone.",
    ),
    "name-taken": Words(
        "No name can be made for you",
        "Somebody has yours already, or one that looks like it. Whoever operates amicopy can add you: manage.py "
        "link_person.",
    ),
    "unlinked": Words(
        "You unlinked this",
        "Whose it was can link it again, signed in another way: My account, Single sign-on. So can whoever operates "
        "amicopy.",
    ),
    "taken": Words(
        "That is somebody else’s already",
        "Who you signed in as at {} is linked to another person here, or was. If both are you, tell whoever operates "
        "amicopy.",
    ),
    "linked-already": Words(
        "You are linked to another there",
        "One person here is one person at {}. Unlink the other one first.",
    ),
    "groups-absent": Words("{} said nothing of your groups", _GROUPS),
    "groups-reference": Words(
        "{} sent a reference in the place of your groups",
        f"Entra ID does so for people in many groups. {_GROUPS}",
    ),
    "groups-ids": Words(
        "{} sent ids in the place of your groups’ names",
        f"Entra ID does so, and the table of groups here has names. {_GROUPS}",
    ),
    "groups-unreadable": Words("Your groups can’t be read", _GROUPS),
}


def words_of(reason: str, label: str) -> Words:
    """What went wrong, for a reason's code."""
    return WORDS[reason].about(label)
