"""Every address amicopy answers. Nouns first, then verbs."""

from django.urls import path

from amicopy.web.views import approvals, audit, dashboard, detail, door, mine, new, requests, verbs

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("sign-in/", door.SignIn.as_view(), name="sign-in"),
    path("sign-out/", door.sign_out, name="sign-out"),
    path("healthz", door.healthz, name="healthz"),
    path("settings/", mine.settings, name="settings"),
    path("settings/theme/", mine.theme, name="theme"),
    path("help/", mine.help_page, name="help"),
    path("progress-icon/<int:percent>.svg", mine.progress_icon, name="progress-icon"),
    path("requests/", requests.request_list, name="requests"),
    path("requests/live/", requests.live_rows, name="requests-live"),
    path("requests/new/", new.new_request, name="request-new"),
    path("requests/<int:number>/", detail.request_detail, name="request"),
    path("requests/<int:number>/evidence/", detail.evidence, name="request-evidence"),
    path("requests/<int:number>/approve/", verbs.approve, name="request-approve"),
    path("requests/<int:number>/reject/", verbs.reject, name="request-reject"),
    path("requests/<int:number>/request-changes/", verbs.request_changes, name="request-changes"),
    path("requests/<int:number>/break-glass/", verbs.break_glass, name="request-break-glass"),
    path("requests/<int:number>/renew/", verbs.renew, name="request-renew"),
    path("requests/<int:number>/withdraw/", verbs.withdraw, name="request-withdraw"),
    path("requests/<int:number>/cancel/", verbs.cancel, name="request-cancel"),
    path("requests/<int:number>/retry/", verbs.retry, name="request-retry"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/live/", approvals.live_approvals, name="approvals-live"),
    path("approvals/decide/", approvals.decide_many, name="approvals-decide"),
    path("audit/", audit.event_list, name="audit"),
    path("audit/<int:pk>/", audit.event_detail, name="audit-event"),
]
