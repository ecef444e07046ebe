"""Whether a set of votes fulfils a plan when each person counts once, however many of its groups they are in."""

from collections.abc import Collection, Mapping
from typing import Any

# [{"group": name, "count": n}, ...], or "permission" instead of "group" for anybody who may decide.
Plan = list[dict[str, Any]]

# A person's primary key -> the names of their groups. Everybody in it may decide.
Voters = Mapping[int, Collection[str]]


def missing(plan: Plan, voters: Voters) -> Plan:
    """What of the plan these voters leave open, each counted for one approval at most; empty when it is fulfilled.

    A matching of approvals to people, by augmenting paths: a person is moved to another of their groups whenever that
    makes room. Costs approvals times people, at most tens times thousands.
    """
    needed = [index for index, requirement in enumerate(plan) for _ in range(int(requirement["count"]))]
    given: dict[int, int] = {}  # person -> which of `needed`

    def find(slot: int, tried: set[int]) -> bool:
        for person, groups in voters.items():
            if person in tried or not _fits(plan[needed[slot]], groups):
                continue
            tried.add(person)
            if person not in given or find(given[person], tried):
                given[person] = slot
                return True
        return False

    open_counts: dict[int, int] = {}
    for slot, index in enumerate(needed):
        if not find(slot, set()):
            open_counts[index] = open_counts.get(index, 0) + 1
    return [{**plan[index], "count": count} for index, count in sorted(open_counts.items())]


def satisfied(plan: Plan, voters: Voters) -> bool:
    """Whether these voters fulfil the plan."""
    return not missing(plan, voters)


def helps(plan: Plan, voters: Voters, person: int, groups: Collection[str]) -> bool:
    """Whether one more voter leaves less of the plan open."""
    return open_count(missing(plan, {**voters, person: groups})) < open_count(missing(plan, voters))


def open_count(plan: Plan) -> int:
    """How many approvals a plan asks for in all."""
    return sum(int(requirement["count"]) for requirement in plan)


def merged(plans: Collection[Plan]) -> Plan:
    """One plan that fulfils all of these: the largest count of each group, and of "anybody" what those leave over."""
    groups: dict[str, int] = {}
    anybody: dict[str, int] = {}
    for requirement in (requirement for plan in plans for requirement in plan):
        counts, name = (groups, "group") if "group" in requirement else (anybody, "permission")
        counts[requirement[name]] = max(counts.get(requirement[name], 0), int(requirement["count"]))
    together = sum(groups.values())
    rest = {name: count - together for name, count in anybody.items() if count > together}
    return [{"group": name, "count": count} for name, count in groups.items()] + [
        {"permission": name, "count": count} for name, count in rest.items()
    ]


def words(plan: Plan) -> str:
    """A plan as people say it, such as "2 approvals from security and 1 from approver"."""
    if not plan:
        return "nobody"
    parts: list[str] = []
    for requirement in plan:
        count = int(requirement["count"])
        noun = "" if parts else " approval" if count == 1 else " approvals"
        whom = f"from {requirement['group']}" if "group" in requirement else "from anybody who may decide"
        parts.append(f"{count}{noun} {whom}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)


def _fits(requirement: Mapping[str, Any], groups: Collection[str]) -> bool:
    return "group" not in requirement or requirement["group"] in groups
