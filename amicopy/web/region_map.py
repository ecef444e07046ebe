"""A small map of where copies go: places set by hand so that none touch, arcs from the source, and a list beside it
that says the same and more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.web.status import copy_status

# The Regions of the partition `aws` on the map of `static/world.svg`, whose dots are a plate carrée: x grows by 2.85
# for each degree to the east, y by 3.165 for each to the south. Moved apart where circles would touch.
PLACES: Mapping[str, tuple[int, int]] = {
    "af-south-1": (519, 339),
    "ap-east-1": (792, 161),
    "ap-east-2": (813, 153),
    "ap-northeast-1": (869, 118),
    "ap-northeast-2": (829, 113),
    "ap-northeast-3": (849, 123),
    "ap-south-1": (673, 171),
    "ap-south-2": (693, 177),
    "ap-southeast-1": (768, 231),
    "ap-southeast-2": (900, 335),
    "ap-southeast-3": (772, 252),
    "ap-southeast-4": (879, 344),
    "ap-southeast-5": (752, 217),
    "ap-southeast-6": (950, 345),
    "ap-southeast-7": (753, 188),
    "ca-central-1": (270, 88),
    "ca-west-1": (155, 66),
    "eu-central-1": (493, 66),
    "eu-central-2": (507, 83),
    "eu-north-1": (518, 44),
    "eu-south-1": (489, 97),
    "eu-south-2": (464, 103),
    "eu-west-1": (445, 62),
    "eu-west-2": (467, 59),
    "eu-west-3": (471, 81),
    "il-central-1": (566, 130),
    "me-central-1": (626, 158),
    "me-south-1": (612, 139),
    "me-west-1": (590, 158),
    "mx-central-1": (194, 167),
    "sa-east-1": (347, 306),
    "sa-west-1": (279, 337),
    "us-east-1": (262, 110),
    "us-east-2": (240, 104),
    "us-west-1": (133, 113),
    "us-west-2": (139, 89),
}
# The colours of an arc, as those of a status.
_LINES: Mapping[str, str] = {
    CopyState.AVAILABLE: "ok",
    CopyState.CHECKED: "ok",
    CopyState.COPYING: "run",
    CopyState.STARTING: "run",
    CopyState.FAILED: "fail",
}


@dataclass(frozen=True)
class Point:
    """One destination: its number in the list, where it is, and the arc that leads to it."""

    number: int
    copy: ImageCopy
    x: int
    y: int
    state: str
    arc: str


@dataclass(frozen=True)
class RegionMap:
    """`source` is where the arcs begin; `label` says all of the map in a sentence. `lanes` are all destinations with
    their numbers, those too that the map has no place for."""

    source: tuple[int, int]
    points: Sequence[Point]
    label: str
    lanes: Sequence[tuple[int, ImageCopy]]


def map_of(request: CopyRequest, copies: Sequence[ImageCopy]) -> RegionMap | None:
    """The map of a request; None for a single destination, and where there is no place for the source or for any
    destination. Local Zones and Outposts stand at their Region, the first of several copies there for all of them."""
    source = PLACES.get(request.SourceRegion)
    if source is None or len(copies) < 2:
        return None
    lanes = list(enumerate(copies, start=1))
    points: dict[str, Point] = {}
    for number, copy in lanes:
        place, region = PLACES.get(copy.DestinationRegion), copy.DestinationRegion
        if place is None or region == request.SourceRegion or region in points:
            continue
        state = _LINES.get(copy.state, "wait")
        points[region] = Point(number, copy, *place, state, _arc(source, place))
    return RegionMap(source, list(points.values()), _label(request, copies), lanes) if points else None


def _arc(source: tuple[int, int], to: tuple[int, int]) -> str:
    """A curve that bends upwards, the more the longer it is."""
    (x, y), (end_x, end_y) = source, to
    bend = max(12, abs(end_x - x) // 6)
    return f"M{x} {y}Q{(x + end_x) // 2} {(y + end_y) // 2 - bend} {end_x} {end_y}"


def _label(request: CopyRequest, copies: Sequence[ImageCopy]) -> str:
    counts: dict[str, int] = {}
    for copy in copies:
        words = copy_status(copy).words.lower()
        counts[words] = counts.get(words, 0) + 1
    said = ", ".join(f"{count} {words}" for words, count in counts.items())
    return f"From {request.SourceRegion} to {len(copies)} destinations: {said}. The list beside it says the same."
