"""Which images and snapshots a call sees. AWS's lists lag behind its deeds, in both directions, each action by itself.

Fault rules of the kind `hide` keep what is there from being seen: `seconds` long (null: for ever), from `after`
seconds after `since`:

    creation   what is made after the rule, from then on
    rule       everything, from when the rule was set, or it was made if that was later
    seen       everything, from when an action of the rule saw it first

With `most_seconds` instead of `seconds`, it is hidden again and again at random: once in every `every` seconds
(default and least: twice `most_seconds`), for 0 to `most_seconds`, differently for each action; between two such times
`most_seconds` pass at least. Half of what is new begins hidden.

Rules of the kind `linger` show what was deregistered or deleted after the rule was set for another `seconds`, or for a
random time up to `most_seconds`: as it was, or, for images, in `state` (such as `deregistered`). To CopyImage,
DeregisterImage and DeleteSnapshot it is then as if it were still there; other actions but the lists see it gone.

`resource` says what is meant: `image` (what CopyImage made), `source` (any other image), `snapshot`, or `any`;
`resource_id` means just one. The region of such a rule is where the resource is.
"""

import random
from typing import Any

from amicopy.sandbox import faults
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.faults import Rule
from amicopy.sandbox.world import world


class Look:
    """What one call sees. Within it nothing comes or goes."""

    def __init__(self, call: dict[str, Any]) -> None:
        self.call = call
        self.kinds = {rule.kind for rule in world.rules}
        self.hidden: dict[str, bool] = {}
        self.lingering: dict[str, Rule | None] = {}

    def hides(self, resource: Any) -> bool:
        """Whether an image or snapshot that is there isn't shown to this call."""
        if "hide" not in self.kinds:
            return False
        if resource.id not in self.hidden:
            with world.lock:
                rules = [rule for rule in self._rules("hide", resource) if chosen(rule, resource, self.call)]
                self.hidden[resource.id] = any(self._within(rule, resource) for rule in rules)
                if not self.hidden[resource.id]:
                    for rule in rules:
                        rule.first_shown.setdefault(resource.id, world.now())
        return self.hidden[resource.id]

    def lingers(self, resource: Any) -> bool:
        """Whether an image or snapshot that is gone is still shown to this call."""
        if "linger" not in self.kinds:
            return False
        if resource.id not in self.lingering:
            with world.lock:
                rules = [
                    rule
                    for rule in self._rules("linger", resource)
                    if chosen(rule, resource, self.call) and self._within(rule, resource)
                ]
            self.lingering[resource.id] = rules[0] if rules else None
        return self.lingering[resource.id] is not None

    def state_of(self, image: Any) -> str:
        """The state in which this call shows an image."""
        rule = self.lingering.get(image.id)
        return (rule and rule.state) or str(image.state)

    def refuse_hidden(self, backend: Any, ids: list[str]) -> None:
        """Raises Refused as if an image or snapshot among `ids` didn't exist, if this call doesn't see it."""
        for name in ids:
            resource = backend.amis.get(name) or backend.snapshots.get(name)
            if resource is not None and self.hides(resource):
                raise unknown_snapshot(name) if resource.kind == "snapshot" else unknown_images(name)

    def _rules(self, kind: str, resource: Any) -> list[Rule]:
        return list(faults.matching({**self.call, "region": resource.backend.region_name}, kind))

    def _within(self, rule: Rule, resource: Any) -> bool:
        """Whether now is a time at which `rule` acts on `resource`, one it has chosen."""
        start = beginning(rule, resource)
        if start is None or (elapsed := world.now() - start - rule.after) < 0:
            return False
        if rule.most_seconds is None or rule.every is None:
            return rule.seconds is None or elapsed < rule.seconds
        turn, passed = divmod(elapsed, rule.every)
        seed = f"{rule.seed}/{rule.chosen[resource.id]}/{self.call['action']}/{turn:.0f}"
        dice = random.Random(seed)  # noqa: S311  # a seed must give the same times again
        length = dice.uniform(0, rule.most_seconds)
        if rule.kind == "linger":
            return elapsed < length
        early = turn == 0 and dice.random() < 0.5
        # Ends so early that what is to come can't join on.
        start = 0.0 if early else dice.uniform(0, rule.every - rule.most_seconds - length)
        return start <= passed < start + length


def unknown_images(*ids: str) -> Refused:
    """What AWS says of images it doesn't know."""
    noun, verb = ("id", "does") if len(ids) == 1 else ("ids", "do")
    return Refused("InvalidAMIID.NotFound", f"The image {noun} '[{', '.join(ids)}]' {verb} not exist")


def unknown_snapshot(snapshot_id: str) -> Refused:
    """What AWS says of a snapshot it doesn't know."""
    return Refused("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def chosen(rule: Rule, resource: Any, call: dict[str, Any]) -> bool:
    """Whether `rule` acts on `resource`. That is decided when it first could, and stays so."""
    if rule.resource not in {"any", resource.kind} or rule.resource_id not in {"", resource.id}:
        return False
    late = {"hide": resource.born if rule.since == "creation" else None, "linger": resource.removed}[rule.kind]
    if late is not None and late < rule.at:
        return False
    if resource.id not in rule.chosen:
        number = len(rule.chosen)
        rule.chosen[resource.id] = number if faults.acts(rule, call, resource_id=resource.id) else None
    return rule.chosen[resource.id] is not None


def beginning(rule: Rule, resource: Any) -> float | None:
    """When the seconds of `rule` begin for `resource`, on the sandbox's clock; None as long as that isn't known."""
    if rule.kind == "linger":
        return float(resource.removed)
    if rule.since == "seen":
        return rule.first_shown.get(resource.id)
    return float(max(resource.born, rule.at))


def born(resource: Any) -> None:
    """Lets the rules about new images and snapshots choose, in the order in which those are made."""
    call = {
        "service": "ec2",
        "action": "",
        "region": resource.backend.region_name,
        "account": resource.backend.account_id,
        "request_id": "",
    }
    with world.lock:
        for rule in world.rules:
            # Whom it hides from is no matter yet.
            about = {**call, "action": rule.action}
            if rule.since == "creation" and rule in faults.matching(about, "hide"):
                chosen(rule, resource, about)
