"""What /metrics says, for Prometheus: read from the database at scrape time, since the truth is there. No label names a
person, an image or a request. docs/metrics.md lists every metric; a test compares."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric

from amicopy.audit.models import AuditCheck, AuditEvent, HeadStore
from amicopy.aws import errors
from amicopy.copies.core.attempts import Attempt
from amicopy.copies.core.engine_models import AccountCheck, Pulse
from amicopy.copies.core.models import CopyRequest, Decision, ImageCopy
from amicopy.copies.core.reasons import NEEDS, Code
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState, RequestState
from amicopy.copies.operations.health import examination, queue_ages
from amicopy.copies.operations.health.finding import Part, State
from amicopy.notify.models import Message
from amicopy.notify.models import State as MessageState
from amicopy.version import VERSION

# What "lately" is in the names of metrics: counts of rows of so long, which stay quick however long the record is.
WINDOW = timedelta(days=1)
# Scrapes within so many seconds get the same answer, and a statement ends after so many.
KEPT_SECONDS, STATEMENT_SECONDS = 10.0, 3
KEY = "metrics"
TO_CALL = (1, 5, 15, 30, 60, 300, 900, 3600, 14400)
TO_AVAILABLE = (60, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
# Events of AWS's answers, and the calls they are of.
CALLS = {
    "aws.image_deregistered": "DeregisterImage",
    "aws.snapshot_deleted": "DeleteSnapshot",
    "aws.refused": "remove",
    "copy.waiting": "CopyImage",
}


def text() -> bytes:
    """Everything, in Prometheus's text format. Raises DatabaseError."""
    known: bytes | None = cache.get(KEY)
    if known is None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Collector())
        known = generate_latest(registry)
        cache.set(KEY, known, KEPT_SECONDS)
    return known


class Collector:
    """prometheus_client asks it for all metrics at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """The metrics. Raises DatabaseError."""
        findings = examination.recent().findings
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
            yield gauge("amicopy_info", "Always 1; the version that answers.", ("version",), [((VERSION,), 1)])
            checks: dict[tuple[str, str], int] = {}
            for finding in findings:
                key = (finding.part.value, finding.state.value)
                checks[key] = checks.get(key, 0) + 1
            every = [((part.value, state.value), checks.get((part, state), 0)) for part in Part for state in State]
            yield gauge("amicopy_findings", "What doctor finds, by part and state.", ("part", "state"), every)
            yield from _copies()
            yield from _requests()
            yield from _aws()
            yield from _machinery()


def gauge(
    name: str, words: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """A gauge with a value for each set of labels."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for names, value in values:
        family.add_metric(list(names), float(value))
    return family


def _copies() -> Iterator[Metric]:
    since = timezone.now() - WINDOW
    rows = ImageCopy.objects.order_by()
    shown = rows.filter(Q(state__in=COPY_UNFINISHED) | Q(finished_at__gte=since))
    by_state = shown.values_list("state", "DestinationRegion").annotate(count=Count("pk"))
    yield gauge(
        "amicopy_copies",
        "Copies that are unfinished, or finished in the last 24 hours.",
        ("state", "region"),
        [((state, region), count) for state, region, count in by_state],
    )
    needs = rows.filter(state__in=COPY_UNFINISHED, wait_code__in=tuple(NEEDS))
    by_code = dict(needs.values_list("wait_code").annotate(count=Count("pk")))
    yield gauge(
        "amicopy_copies_waiting_for_person",
        "Copies that only a person can bring on, by what they wait for.",
        ("code",),
        [((code,), by_code.get(code, 0)) for code in NEEDS],
    )
    throttled = rows.filter(state__in=COPY_UNFINISHED, wait_code=Code.THROTTLED)
    by_region = throttled.values_list("DestinationRegion").annotate(count=Count("pk"))
    words = "Copies that wait because AWS throttled a call."
    yield gauge("amicopy_copies_throttled", words, ("region",), [((region,), count) for region, count in by_region])
    queues = queue_ages.queues()
    yield gauge("amicopy_queue_entries", "What is due.", ("queue",), [((each.code,), each.count) for each in queues])
    ages = [((each.code,), each.age.total_seconds()) for each in queues]
    yield gauge("amicopy_queue_oldest_seconds", "How long the oldest entry has been due.", ("queue",), ages)
    lapsed = rows.filter(lease_id__isnull=False, lease_until__lt=timezone.now()).count()
    words = "Copies whose lease ended without being handed back, until another worker takes them."
    yield gauge("amicopy_leases_lapsed", words, (), [((), lapsed)])
    called = rows.filter(called_at__gte=since, queued_at__isnull=False).values_list("queued_at", "called_at")
    yield histogram(
        "amicopy_approval_to_call_seconds",
        "From a copy's approval, or its time, to its call, of calls of the last 24 hours.",
        TO_CALL,
        called,
    )
    done = rows.filter(state=CopyState.AVAILABLE, existing=False, finished_at__gte=since, queued_at__isnull=False)
    yield histogram(
        "amicopy_approval_to_available_seconds",
        "From a copy's approval, or its time, to its image, of images of the last 24 hours.",
        TO_AVAILABLE,
        done.values_list("queued_at", "finished_at"),
    )


def histogram(
    name: str, words: str, bounds: Sequence[int], spans: Iterable[tuple[datetime | None, datetime | None]]
) -> GaugeHistogramMetricFamily:
    """How spans of time spread now; of a window, so its buckets can fall again: ask for quantiles without `rate`."""
    seconds = [max(0.0, (end - begin).total_seconds()) for begin, end in spans if begin and end]
    buckets = [(str(float(bound)), float(sum(each <= bound for each in seconds))) for bound in bounds]
    return GaugeHistogramMetricFamily(name, words, buckets=[*buckets, ("+Inf", len(seconds))], gsum_value=sum(seconds))


def _requests() -> Iterator[Metric]:
    since, now = timezone.now() - WINDOW, timezone.now()
    pending = CopyRequest.objects.filter(state=RequestState.PENDING).order_by()
    found = pending.aggregate(count=Count("pk"), oldest=Min("submitted_at"))
    yield gauge("amicopy_requests_pending", "Requests that wait for a decision.", (), [((), found["count"])])
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
    yield gauge("amicopy_requests_pending_oldest_seconds", "How long the oldest of them waits.", (), [((), age)])
    kinds = Decision.objects.filter(decided_at__gte=since).order_by().values_list("kind").annotate(count=Count("pk"))
    counts = dict(kinds)
    yield gauge(
        "amicopy_decisions_lately",
        "Decisions of the last 24 hours, by outcome.",
        ("outcome",),
        [((kind.value,), counts.get(kind.value, 0)) for kind in Decision.Kind],
    )


def _aws() -> Iterator[Metric]:
    since = timezone.now() - WINDOW
    attempts = Attempt.objects.filter(last_called_at__gte=since).order_by()
    calls = {("CopyImage", code): count for code, count in attempts.values_list("error_code").annotate(n=Count("pk"))}
    events = AuditEvent.objects.filter(at__gte=since, action__in=tuple(CALLS)).order_by()
    events = events.exclude(action="copy.waiting", error_code="")
    for action, code, count in events.values_list("action", "error_code").annotate(n=Count("pk")):
        key = (CALLS[action], code)
        calls[key] = calls.get(key, 0) + count
    yield gauge(
        "amicopy_aws_calls_lately",
        "Calls that changed something at AWS, or were to, of the last 24 hours; without an error the code is empty.",
        ("action", "code"),
        [(key, count) for key, count in sorted(calls.items())],
    )
    throttles = sum(count for (_, code), count in calls.items() if code in errors.KINDS[errors.Throttled])
    yield gauge("amicopy_aws_throttles_lately", "Of these, those that AWS throttled.", (), [((), throttles)])
    looks = AccountCheck.objects.filter(checked_at__isnull=False, account__enabled=True)
    entered = [((name,), not error) for name, error in looks.values_list("account__name", "error")]
    words = "Whether amicopy got into the account when a worker looked last."
    yield gauge("amicopy_account_entered", words, ("account",), entered)


def _machinery() -> Iterator[Metric]:
    now = timezone.now()
    names = ("beat", "sweep", "work", "worker", "web")
    latest = {name: age for name in names if (age := Pulse.last(name)) is not None}
    yield gauge(
        "amicopy_last_sign_seconds",
        "How long ago the last process of a kind left a sign of life, by the database's clock.",
        ("process",),
        [((name,), age.total_seconds()) for name, age in latest.items()],
    )
    by_state = dict(Message.objects.order_by().values_list("state").annotate(n=Count("pk")))
    states = [((state.value,), by_state.get(state.value, 0)) for state in MessageState]
    yield gauge("amicopy_messages", "E-mails and webhook deliveries that are kept, by state.", ("state",), states)
    check = AuditCheck.objects.exclude(outcome=AuditCheck.Outcome.RUNNING).order_by("-at").first()
    if check is not None:
        ago = (now - check.at).total_seconds()
        yield gauge("amicopy_audit_verified_seconds", "How long ago the history was verified.", (), [((), ago)])
    written = HeadStore.objects.filter(written_at__isnull=False).values_list("kind", "written_at")
    yield gauge(
        "amicopy_audit_head_seconds",
        "How old the newest signed head is, by where it is kept.",
        ("store",),
        [((kind,), (now - at).total_seconds()) for kind, at in written if at is not None],
    )
    yield gauge("amicopy_sweep_seconds", "How often beat looks for what is due.", (), [((), settings.SWEEP_SECONDS)])
