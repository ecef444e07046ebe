"""Every screen, in one table: what the pictures show.

A new screen is a line in `SCREENS`. `make screenshots` takes the pictures into `docs/screenshots/`. Wide ones aren't
kept there; they are taken to be looked at: `make screenshots WIDTHS='1920 2560' SCREENSHOTS=/tmp/wide`.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Browser, Page

from amicopy.local import sample_provider
from amicopy.web.views.errors import unavailable
from tests.journey.browsing import Window, launched
from tests.journey.conftest import Person, Running, everything, typed, until
from tests.journey.providers import sample, sign_on
from tests.web.page import read

# Width of the window, and its height: what is below belongs to the picture too, up to a limit.
WIDTHS: Mapping[int, int] = {390: 844, 1280: 900}
WIDER: Mapping[int, int] = {1920: 1080, 2560: 1440}
TALLEST = 1500
THEMES = ("light", "dark")
COLOURS, COMMON = 256, 128
# Until pages say that nothing runs.
SILENCE_MS = 60_000
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


def _afresh(page: Page) -> None:
    """The form without what was typed for the picture before, which it keeps when it is left."""
    address = page.url
    page.goto("/help/")
    page.evaluate("sessionStorage.clear()")
    page.goto(address)


def _refused(page: Page) -> None:
    _afresh(page)
    page.locator("#submit").click()
    page.locator(".errors").wait_for()


def _wrong_password(page: Page) -> None:
    page.get_by_label("User name").fill("nobody-of-that-name")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.locator(".errors").wait_for()


def _signed_out(page: Page) -> None:
    """By somebody who signed on at a provider, and is still signed in there."""
    sign_on(page, "provider-requester")
    # Where the window is narrow it is in the menu.
    page.locator("[formaction='/sign-out/']").evaluate("button => button.click()")
    page.get_by_role("link", name="Stay signed in there").wait_for()


def _without_role(page: Page) -> None:
    sign_on(page, "provider-nobody")
    page.locator(".errors").wait_for()


def _filled(page: Page) -> None:
    """The form with what the look-ups say: the source, a key that is disabled, a name that is taken."""
    _afresh(page)
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").fill("ami-0a7f3c92d41be6058")
    page.locator("[name=Name]").fill("{source}-{region}")
    page.locator("#source-preview", has_text="52 GiB in 2 volumes").wait_for()
    page.locator("#add-destination").click()
    for row, (region, key) in enumerate((("eu-west-1", "alias/golden-images"), ("us-west-2", "alias/retired"))):
        page.locator(f"[name=destinations-{row}-DestinationRegion]").select_option(region)
        page.locator(f"[name=destinations-{row}-Encrypted]").select_option("true")
        page.locator(f"[name=destinations-{row}-KmsKeyId]").fill(key)
    page.locator("[name=reason]").fill("PLAT-482: week 47 image for all production Regions")
    page.locator("#destination-1-problems .problem").first.wait_for()
    page.locator("#aside dd", has_text="104 GiB").wait_for()
    page.locator("#source-inspection .status", has_text="Descends from").wait_for()


def _after_the_copy(page: Page) -> None:
    """The form with what is to follow the copies, and what a source that is shared has."""
    _afresh(page)
    page.locator("#source-steps dd").first.wait_for()


def _image_shown(page: Page) -> None:
    """The form for an AMI that exists, with what AWS shows of it."""
    page.locator("#source-preview", has_text="52 GiB in 2 volumes").wait_for()


def _without_reason(page: Page) -> None:
    page.locator("[data-decide=reject]").click()
    page.locator("[aria-invalid=true]").wait_for()


def _several(page: Page) -> None:
    for box in page.locator("input[name=pick]").all():
        box.check()
    page.locator("#bulk [value=approve]").click()
    page.get_by_role("button", name="Approve").first.wait_for()


def _many_people(page: Page) -> None:
    """Pasted lines, one of them wrong, looked at."""
    lines = "new-approver,,approver,platform\nnew-auditor,auditor@people.example,auditor\nadmin,,king,elsewhere"
    page.locator("[name=lines]").fill(lines)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("table").wait_for()


def _list_of_sources(page: Page) -> None:
    """The form with the list of images open, one of them reached by an arrow."""
    _afresh(page)
    page.locator("[name=SourceRegion]").select_option("us-east-1")
    page.locator("[name=SourceImageId]").press_sequentially("golden")
    page.locator("[role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")


def _list_of_keys(page: Page) -> None:
    """The form with the list of a destination's keys open, one of which can't be used."""
    _afresh(page)
    page.locator("[name=destinations-0-DestinationRegion]").select_option("eu-west-1")
    page.locator("[name=destinations-0-KmsKeyId]").focus()
    page.keyboard.press("ArrowDown")
    page.locator("[role=option]").first.wait_for()


def _many(page: Page) -> None:
    """The form with two sources and eight destinations, as a link opens it."""
    _afresh(page)
    page.locator("#source-preview", has_text="52 GiB in 2 volumes").wait_for()


def _looked_at(page: Page) -> None:
    if page.locator("[data-region]").count() == 0:
        page.get_by_role("button", name="Check now").click()
    page.locator('[data-looking="no"]').wait_for()


def _silent(page: Page) -> None:
    page.locator("#strip", has_text="Nothing has run").wait_for(timeout=SILENCE_MS)


def _database_away(page: Page) -> None:
    """The page that stands for every other then, as web makes it."""
    away = unavailable(sent=False)
    page.route(page.url, lambda route: route.fulfill(status=away.status_code, body=away.content))
    page.reload()
    page.unroute(page.url)


@dataclass(frozen=True)
class Screen:
    """`person` is who looks, nobody if empty; `path` may name a request of `stage`; `do` is done before the picture,
    which is of the whole page, or of what the selector `of` finds; `without` is a process that was killed before."""

    name: str
    person: str
    path: str
    do: Callable[[Page], None] = lambda page: None
    of: str = ""
    without: str = ""


TWO_SOURCES = ("ami-0a7f3c92d41be6058", "ami-0b81d5e6f0a297c34")
MANY = "&".join(
    (
        "account=sandbox&SourceRegion=us-east-1&Name={{source}}-{{region}}&reason=PLAT-482:%20week%2047",
        *(f"SourceImageId={image}" for image in TWO_SOURCES),
        *(f"DestinationRegion={region}-1" for region in ("eu-west", "eu-central", "us-east", "sa-east", "ca-central")),
        *(f"DestinationRegion={region}-2" for region in ("us-west", "us-east", "eu-west")),
        "TagSpecifications=team%3Dplatform",
    )
)

AFTER = {
    "LaunchPermission-UserIds": "444455556666 333344445555",
    "LaunchPermission-OrganizationalUnitArns": "arn:aws:organizations::444455556666:ou/o-a1b2c3d4e5/ou-a1b2-c3d4e5f6",
    "ImageDeprecation-DaysAfterCopy": "90",
    "ImdsSupport-Value": "v2.0",
    "Parameter-Name": "/golden/al2023/current",
    "Parameter-Overwrite": "on",
}
STEPS = "&".join(
    (
        "account=sandbox&SourceRegion=us-east-1&SourceImageId=ami-0a7f3c92d41be6058&Name={{source}}-{{region}}",
        "DestinationRegion=eu-west-1&reason=PLAT-482:%20week%2047",
        *(f"{name}={value.replace(' ', '%20')}" for name, value in AFTER.items()),
        "destinations-0-DestinationRegion=eu-central-1&destinations-0-Parameter=none",
    )
)

EXISTING = (
    "account=sandbox&SourceRegion=us-east-1&SourceImageId=ami-0a7f3c92d41be6058&reason=PLAT-482:%20staging"
    "&LaunchPermission-UserIds=444455556666&Parameter-Name=/golden/al2023/current"
)

SCREENS = (
    Screen("sign-in", "", "/sign-in/"),
    Screen("sign-in-refused", "", "/sign-in/", _wrong_password),
    Screen("sign-on-without-role", "", "/sign-in/", _without_role),
    Screen("signed-out", "", "/sign-in/", _signed_out),
    Screen("dashboard", "approver", "/"),
    Screen("dashboard-requester", "requester", "/"),
    Screen("requests", "approver", "/requests/"),
    Screen("requests-none-match", "requester", "/requests/?q=no-such-image"),
    Screen("request-running", "requester", "/requests/{running}/"),
    Screen("request-partly-done", "requester", "/requests/{partial}/"),
    Screen("request-done", "requester", "/requests/{done}/"),
    Screen("request-to-decide", "approver", "/requests/{pending}/"),
    Screen("request-submitted-anyway", "approver", "/requests/{anyway}/"),
    Screen("request-aws-unreachable", "requester", "/requests/{unreachable}/"),
    Screen("request-cancel", "requester", "/requests/{running}/cancel/"),
    Screen("request-row-unfolded", "requester", "/requests/{running}/?open=eu-central-1"),
    Screen("copy-record", "auditor", "/requests/{done}/copies/eu-west-1/"),
    Screen("audit-search", "auditor", "/audit/?q=ami-0a7f3c92d41be6058+eu-west-1"),
    Screen("evidence", "auditor", "/requests/{done}/evidence/"),
    Screen("new-request", "requester", "/requests/new/"),
    Screen("new-request-filled", "requester", "/requests/new/", _filled),
    Screen("new-request-sources", "requester", "/requests/new/", _list_of_sources),
    Screen("new-request-keys", "requester", "/requests/new/", _list_of_keys),
    Screen("new-request-many", "requester", f"/requests/new/?{MANY}", _many),
    Screen("existing", "requester", f"/requests/existing/?{EXISTING}", _image_shown),
    Screen("existing-to-decide", "approver", "/requests/{existing_pending}/"),
    Screen("existing-done", "requester", "/requests/{existing}/"),
    Screen("existing-record", "auditor", "/requests/{existing}/copies/us-east-1/"),
    Screen("new-request-steps", "requester", f"/requests/new/?{STEPS}", _after_the_copy, ".panel.after"),
    Screen("request-steps-to-decide", "approver", "/requests/{steps_pending}/"),
    Screen("request-steps", "requester", "/requests/{steps}/?open=eu-west-1"),
    Screen("copy-record-steps", "auditor", "/requests/{steps}/copies/eu-west-1/"),
    Screen("set", "approver", "/sets/{set}/"),
    Screen("new-request-refused", "requester", "/requests/new/", _refused),
    Screen("approvals", "approver", "/approvals/"),
    Screen("approvals-no-reason", "approver", "/approvals/", _without_reason),
    Screen("approvals-several", "approver", "/approvals/", _several),
    Screen("audit", "auditor", "/audit/"),
    Screen("accounts", "admin", "/accounts/"),
    Screen("account", "admin", "/accounts/1/", _looked_at),
    Screen("account-edit", "admin", "/accounts/2/edit/"),
    Screen("people", "admin", "/people/"),
    Screen("person", "admin", "/people/2/"),
    Screen("people-many", "admin", "/people/many/", _many_people),
    Screen("teams", "admin", "/people/teams/"),
    Screen("team", "admin", "/people/teams/{team}/"),
    Screen("services", "admin", "/people/services/"),
    Screen("service", "admin", "/people/{service}/"),
    Screen("changes", "admin", "/changes/"),
    Screen("system", "admin", "/system/"),
    Screen("leftovers", "admin", "/leftovers/"),
    Screen("messages", "admin", "/messages/"),
    Screen("webhooks", "admin", "/webhooks/"),
    Screen("webhook-new", "admin", "/webhooks/new/"),
    Screen("audit-event", "auditor", "/audit/20/"),
    Screen("rules", "admin", "/rules/"),
    Screen("rule-new", "admin", "/rules/new/"),
    Screen("freezes", "admin", "/freezes/"),
    Screen("freeze-new", "admin", "/freezes/new/"),
    Screen("budgets", "admin", "/budgets/"),
    Screen("costs", "auditor", "/costs/"),
    Screen("delegations", "approver", "/delegations/"),
    Screen("settings", "requester", "/settings/"),
    Screen("password", "requester", "/settings/password/"),
    Screen("second-factors", "requester", "/settings/second-factors/"),
    Screen("second-factor-app", "requester", "/settings/second-factors/app/"),
    Screen("single-sign-on", "requester", "/settings/sign-on/"),
    Screen("sessions", "requester", "/settings/sessions/"),
    Screen("tokens", "requester", "/settings/tokens/"),
    Screen("api-reference", "requester", "/api/"),
    Screen("help", "approver", "/help/"),
    Screen("not-found", "requester", "/requests/987654/"),
    Screen("not-allowed", "auditor", "/approvals/"),
    Screen("database-away", "requester", "/requests/", _database_away),
    Screen("nothing-runs", "requester", "/requests/{running}/", _silent, without="worker"),
    Screen("nothing-runs-system", "admin", "/system/", _silent, without="worker"),
)


def stage(running: Running) -> dict[str, int]:
    """Makes requests in every state and returns the numbers of those the table names."""
    requester, approver = Person(running.url, "requester"), Person(running.url, "approver")
    regions = ("eu-west-1", "eu-central-1", "ap-southeast-2", "us-west-2", "sa-east-1")

    def ask(
        name: str, *to: str, reason: str = "PLAT-482: week 47 image for all production Regions", **more: str
    ) -> int:
        places = {f"destinations-{row}-DestinationRegion": region for row, region in enumerate(to)}
        return requester.submit(Name=name, reason=reason, **places, **more)

    def decide(number: int, verb: str, reason: str) -> None:
        page = approver.get(f"/requests/{number}/")
        approver.post(f"/requests/{number}/{verb}/", page=page, reason=reason)

    def done(number: int) -> None:
        until(partial(_ended, requester, number))

    numbers = {}
    running.control("settings", copy_seconds=2, limit=50)
    past = [ask(f"base-debian12-2026.11.{day}", *regions[: day % 3 + 1]) for day in range(11, 19)]
    for number in past:
        approver.approve(number)
        done(number)
    numbers["done"] = ask("golden-al2023-2026.11.24", *regions[:3])
    retired = {
        "destinations-1-KmsKeyId": "alias/retired",
        "destinations-1-Encrypted": "true",
        "submit_anyway": "on",
        "submit_anyway_reason": "The key is enabled again on Monday, before the copies start.",
        "known_problems": f"key-disabled:{regions[1]}",
    }
    numbers["partial"] = ask(
        "golden-al2023-encrypted-2026.11.24",
        *regions[:2],
        **retired,
    )
    for name in ("done", "partial"):
        approver.approve(numbers[name])
        done(numbers[name])
    running.control("faults", kind="error", code="ParameterLimitExceeded", action="PutParameter", region=regions[0])
    numbers["steps"] = ask("golden-al2023-shared-2026.11.24", *regions[:2], **AFTER)
    approver.approve(numbers["steps"])
    done(numbers["steps"])

    def for_image(image: str) -> int:
        fields = {"account": "sandbox", "SourceRegion": "us-east-1", "SourceImageId": image, "reason": "PLAT-482"}
        shared = {"LaunchPermission-UserIds": "444455556666", "Parameter-Name": "/golden/al2023/shared"}
        return requester.submit_existing(**fields, **shared, **{"Parameter-Overwrite": "on"})

    numbers["existing"] = for_image("ami-0a7f3c92d41be6058")
    approver.approve(numbers["existing"])
    done(numbers["existing"])
    decide(
        ask("scratch-build-0117", "us-west-2", reason="trying something"), "reject", "Scratch builds stay in us-east-1."
    )
    decide(
        ask("ci-runner-2026.11.24", "eu-west-1"),
        "request-changes",
        "Encrypt it with alias/golden-images, as all CI images.",
    )
    running.control("faults", kind="error", code="Unavailable", status=503, region="us-east-2", count=None)
    running.control("settings", copy_seconds=400, limit=50)
    numbers["unreachable"] = ask("edge-cache-2026.11.25", "eu-west-2", "us-east-2")
    numbers["running"] = ask("golden-al2023-2026.11.25", *regions)
    for name in ("unreachable", "running"):
        approver.approve(numbers[name])
        until(partial(_copying, requester, numbers[name]))
    running.control("advance", seconds=170)
    numbers["pending"] = ask(
        "golden-al2023-arm64-2026.11.25", "eu-west-1", "us-west-2", SourceImageId="ami-0b81d5e6f0a297c34"
    )
    numbers["anyway"] = ask("payments-base-2026.11.25", *regions[:2], **retired)
    numbers["steps_pending"] = ask("golden-al2023-shared-2026.11.25", *regions[:2], **AFTER)
    numbers["existing_pending"] = for_image("ami-0b81d5e6f0a297c34")
    ask("bastion-2026.11.25", "eu-central-1", reason="SEC-91: patched OpenSSH; the old one must be gone by Friday")
    ask("build-cache-2026.11.25", "ap-northeast-1", reason="CI-12: builds in Tokyo wait 9 minutes for their base image")
    path, _ = requester.post(
        "/requests/new/",
        **typed(
            SourceImageId=" ".join(TWO_SOURCES), Name="{source}-set", reason="PLAT-482: week 47 image for both kinds"
        ),
    )
    numbers["set"] = int(path.split("/")[2])
    numbers["service"] = _service(Person(running.url, "admin"))
    numbers["team"] = _team(Person(running.url, "admin"))
    _handed_over(approver, numbers["team"])
    until(lambda: 'data-progress="4' in requester.get(f"/requests/{numbers['running']}/"))
    until(lambda: "Waiting" in requester.get(f"/requests/{numbers['unreachable']}/"))
    return numbers


def _team(admin: Person) -> int:
    """The number of a team with two members, one of whom may decide."""
    path, _ = admin.post("/people/teams/", name="platform", description="Builds the images of the week")
    for name in ("admin", "requester"):
        admin.post(f"{path}join/", page=admin.get(path), username=name)
    return int(path.split("/")[3])


def _handed_over(approver: Person, team: int) -> None:
    """A week of the approver's vote, to whoever is in the team."""
    until = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M}"
    page = approver.get("/delegations/")
    approver.post("/delegations/", page=page, receiver=f"group-{team}", until=until, reason="On leave this week")


def _service(admin: Person) -> int:
    """The number of a service account that the requester owns."""
    page = admin.get("/people/services/")
    (owner,) = [box for box in read(page).fields() if box.sent_as == "owners" and box.label == "requester"]
    path, _ = admin.post(
        "/people/services/", page=page, username="image-pipeline", owners=owner.value, roles="requester"
    )
    return int(path.split("/")[2])


def _ended(person: Person, number: int) -> bool:
    return person.state(number) not in {"PENDING", "APPROVED"}


def _copying(person: Person, number: int) -> bool:
    return "COPYING" in person.copies(number)


def take(
    browser: Browser, running: Running, screens: tuple[Screen, ...], folder: Path, widths: Mapping[int, int] = WIDTHS
) -> None:
    """Takes the pictures of these screens, at each of the widths and in both themes."""
    numbers = stage(running)
    # Those without a process last: it stays away.
    for without, person in sorted({(screen.without, screen.person) for screen in screens}):
        if without in running.started:
            running.kill(without)
        window = Window(browser, running, person)
        for screen in (each for each in screens if (each.without, each.person) == (without, person)):
            for theme in THEMES:
                for width, height in widths.items():
                    window.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of two
                    window.page.set_viewport_size({"width": width, "height": height})
                    window.page.goto(screen.path.format(**numbers))
                    screen.do(window.page)
                    _keep(
                        _picture(window.page, width, height, screen.of), folder / f"{screen.name}-{width}-{theme}.png"
                    )
        window.context.close()


def _picture(page: Page, width: int, height: int, of: str = "") -> bytes:
    if of:
        # Without what stays on the screen above it.
        page.locator(".tally").evaluate("bar => { bar.style.display = 'none' }")
        return page.locator(of).screenshot()
    tall = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": min(max(tall, height), TALLEST)})
    page.evaluate("scrollTo(0, 0)")
    if listed := page.locator("[role=option]:visible").all():
        # What the picture is of may be further down.
        listed[-1].scroll_into_view_if_needed()
    return page.screenshot()


def _keep(picture: bytes, path: Path) -> None:
    """Writes a picture with few colours, which a page of text and lines doesn't miss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    # The colours of large parts as they are, then as many as cover the rest.
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)
    common = [part for _, colour in counted[:COMMON] if isinstance(colour, tuple) for part in colour]
    rest = image.quantize(COLOURS - COMMON, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(common + rest)
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    django.setup()
    wanted = sys.argv[1:]
    unknown = set(wanted) - {screen.name for screen in SCREENS}
    if unknown:
        sys.exit(f"There is no screen {', '.join(sorted(unknown))}. There are: {', '.join(s.name for s in SCREENS)}.")
    screens = tuple(screen for screen in SCREENS if not wanted or screen.name in wanted)
    folder = Path(os.environ.get("SCREENSHOTS", FOLDER))
    chosen = [int(width) for width in os.environ.get("WIDTHS", "").split()]
    widths = {width: {**WIDTHS, **WIDER}[width] for width in chosen} or WIDTHS
    with (
        tempfile.TemporaryDirectory() as var,
        sample() as provider,
        everything(Path(var), "amicopy_screens", changed=sample_provider.environ(provider.url)) as running,
        launched() as browser,
    ):
        take(browser, running, screens, folder, widths)


if __name__ == "__main__":
    main()
