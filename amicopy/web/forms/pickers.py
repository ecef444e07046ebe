"""What the fields with a list offer: images, keys, Outposts and Local Zones, as the account's own lists have them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amicopy.aws.outposts import Outpost
from amicopy.copies.core.models import Account
from amicopy.copies.core.parameters import AMI_ID, BY_NAME, Options
from amicopy.copies.lookups import images, keys, places
from amicopy.copies.lookups.async_queries import UNASKED, Looks, Missing, Question
from amicopy.copies.lookups.images import ListedImage
from amicopy.copies.lookups.keys import ListedKey
from amicopy.copies.lookups.places import ZonePlace
from amicopy.web.forms.request_form import RequestForm

# So many are offered at once.
MOST = 50
# So many Regions are asked for the keys that all of them have.
MOST_REGIONS = 10
OWNER = r"[0-9]{12}"
# What a field offers is the Region's: that of the source, or of its own destination or all of them.
OFFERED: frozenset[Options] = frozenset({"sources", "keys", "zones", "zone-ids", "outposts"})


@dataclass(frozen=True)
class Option:
    """One thing to choose: what the field gets, how it is called, what else is said of it, and why it can't be used,
    empty when nothing is known against it."""

    value: str
    title: str
    facts: Sequence[str] = ()
    problem: str = ""


@dataclass(frozen=True)
class Offer:
    """What a list shows: at most MOST `options` of `fitting`, of `total`. `silent` says why some or all is missing,
    `needed` what has to be chosen first; `asking`: AWS is being asked."""

    options: Sequence[Option] = ()
    fitting: int = 0
    total: int = 0
    nouns: str = ""
    silent: str = ""
    needed: str = ""
    asking: bool = False
    chosen: frozenset[str] = field(default_factory=frozenset)


def kind_of(name: str) -> Options:
    """What the field of this name offers; empty for one without a list."""
    parameter = BY_NAME.get(name.rpartition("-")[2])
    return parameter.options if parameter and parameter.options in OFFERED else ""


def inputs_about(name: str) -> str:
    """The inputs that the list of a field goes by, as a selector: its own, the account, and where it is about."""
    prefix = name.rpartition("-")[0]
    region = f"[name='{prefix}-DestinationRegion']" if prefix else "[name$='-DestinationRegion']"
    region = "[name='SourceRegion']" if kind_of(name) == "sources" else region
    return f"[name='account'], [name='{name}'], {region}"


def offer(form: RequestForm, name: str, regions: Sequence[str], looks: Looks, *, until: float) -> Offer:
    """What the field of this name offers for what is typed in it; `regions` are those that it is about."""
    account, kind, typed = form.account, kind_of(name), form.data.get(name, "")
    if account is None:
        return Offer(needed="Choose the AWS account first.")
    usable = [each for each in dict.fromkeys(regions) if places.is_region(account.read_only(), each)]
    if not usable:
        return Offer(needed="Choose a Region first: the list is of what is there.")
    if kind == "sources":
        return _sources(account, usable[0], typed, looks, until)
    if kind == "keys":
        return _keys(account, usable[:MOST_REGIONS], typed, looks, until)
    return _places(account, kind, usable[0], typed, looks, until)


def _sources(account: Account, region: str, typed: str, looks: Looks, until: float) -> Offer:
    words = re.split(r"[\s,;]+", typed.strip(" ,;"))
    chosen = frozenset(word for word in words if re.fullmatch(AMI_ID, word))
    terms = [word for word in words if word and word not in chosen]
    owners = [term for term in terms if re.fullmatch(OWNER, term)]
    aws = account.read_only()
    question = (
        images.owner_question(aws, region=region, owner=owners[0])
        if owners
        else images.own_question(aws, region=region)
    )
    found = looks.begin(question)(until)
    nouns = f"AMIs of {owners[0]} in {region}" if owners else f"AMIs in {region}"
    if isinstance(found, Missing):
        return _unanswered(found, nouns)
    fitting = images.matching(found, [term for term in terms if term not in owners])
    return _offer([_image(each) for each in fitting[:MOST]], len(fitting), len(found), nouns, chosen=chosen)


def _image(image: ListedImage) -> Option:
    whose = "" if image.own else f"{'Public' if image.Public else 'Shared'}, of {image.OwnerId}"
    encryption = "Not encrypted"
    if image.encrypted:
        encryption = "Encrypted" if image.encrypted == image.volumes else "Partly encrypted"
    made = f"{image.CreationDate:%-d %b %Y}" if image.CreationDate else ""
    tags = [f"{key}={value}" for key, value in image.tags.items() if not key.startswith("aws:")][:3]
    facts = [image.ImageId, image.Architecture, made, f"{image.size:,} GiB", encryption, whose, *tags]
    return Option(image.ImageId, image.Name or image.ImageId, [fact for fact in facts if fact], image.problem)


def _keys(account: Account, regions: Sequence[str], typed: str, looks: Looks, until: float) -> Offer:
    """The keys of a Region; of several, each alias once with where it is and can be used."""
    aws = account.read_only()
    waits = {region: looks.begin(keys.listed_question(aws, region=region)) for region in regions}
    answers: dict[str, Any] = {region: wait(until) for region, wait in waits.items()}
    missing = [answer for answer in answers.values() if isinstance(answer, Missing)]
    known: dict[str, dict[str, ListedKey]] = {}
    for region, answer in answers.items():
        for key in () if isinstance(answer, Missing) else answer:
            known.setdefault(key.AliasName, {})[region] = key
    nouns = f"keys in {regions[0]}" if len(regions) == 1 else f"keys in {len(regions)} Regions"
    if len(missing) == len(regions):
        return _unanswered(missing[0], nouns)
    options = [_key(alias, each, len(regions)) for alias, each in known.items()]
    fitting = [each for each in options if typed.strip().casefold() in " ".join((each.title, *each.facts)).casefold()]
    if typed.strip() in known:
        # A key that is chosen already keeps nobody from looking at the others.
        fitting = options
    late = next((each for each in missing if each is not UNASKED), None)
    return _offer(
        fitting[:MOST],
        len(fitting),
        len(options),
        nouns,
        silent=late.reason if late else "",
        chosen=frozenset({typed.strip()}),
    )


def _key(alias: str, found: Mapping[str, ListedKey], asked: int) -> Option:
    first = next(iter(found.values()))
    if asked == 1:
        state = first.KeyState or "State not known"
        facts = [first.Description, state, first.KeyId]
        return Option(alias, alias, [fact for fact in facts if fact], first.problem)
    usable = sum(not key.problem for key in found.values())
    facts = [first.Description, f"Exists in {len(found)} of {asked}, usable in {usable}"]
    return Option(alias, alias, [fact for fact in facts if fact], "" if usable else first.problem)


def _places(account: Account, kind: Options, region: str, typed: str, looks: Looks, until: float) -> Offer:
    aws = account.read_only()
    question: Question[Any] = (
        places.outposts_question(aws, region=region)
        if kind == "outposts"
        else places.zones_question(aws, region=region)
    )
    found = looks.begin(question)(until)
    nouns = f"Outposts in {region}" if kind == "outposts" else f"Local Zones in {region}"
    if isinstance(found, Missing):
        return _unanswered(found, nouns)
    options = [_outpost(each) if kind == "outposts" else _zone(each, kind) for each in found]
    text = typed.strip().casefold()
    fitting = [each for each in options if text in " ".join((each.value, each.title, *each.facts)).casefold()]
    return _offer(fitting[:MOST], len(fitting), len(options), nouns, chosen=frozenset({typed.strip()}))


def _outpost(outpost: Outpost) -> Option:
    return Option(
        outpost.OutpostArn, outpost.Name or outpost.OutpostArn, [outpost.AvailabilityZone, outpost.OutpostArn]
    )


def _zone(zone: ZonePlace, kind: Options) -> Option:
    value, other = (zone.id, zone.name) if kind == "zone-ids" else (zone.name, zone.id)
    return Option(value, value, [other], f"It is {zone.reason}." if zone.reason else "")


def _unanswered(answer: Missing, nouns: str) -> Offer:
    return Offer(nouns=nouns, asking=answer is UNASKED, silent="" if answer is UNASKED else answer.reason)


def _offer(
    options: Sequence[Option], fitting: int, total: int, nouns: str, *, silent: str = "", chosen: frozenset[str]
) -> Offer:
    return Offer(options, fitting, total, nouns, silent, chosen=chosen)
