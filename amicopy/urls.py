"""Every address amicopy answers. Nouns first, then verbs."""

from django.urls import path
from django.views.generic import RedirectView

from amicopy.web.views import audit, door, new, requests

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="requests"), name="home"),
    path("sign-in/", door.SignIn.as_view(), name="sign-in"),
    path("sign-out/", door.sign_out, name="sign-out"),
    path("theme/", door.theme, name="theme"),
    path("healthz", door.healthz, name="healthz"),
    path("requests/", requests.request_list, name="requests"),
    path("requests/new/", new.new_request, name="request-new"),
    path("requests/<int:number>/", requests.request_detail, name="request"),
    path("requests/<int:number>/approve/", requests.approve, name="request-approve"),
    path("requests/<int:number>/reject/", requests.reject, name="request-reject"),
    path("requests/<int:number>/request-changes/", requests.request_changes, name="request-changes"),
    path("requests/<int:number>/withdraw/", requests.withdraw, name="request-withdraw"),
    path("requests/<int:number>/cancel/", requests.cancel, name="request-cancel"),
    path("requests/<int:number>/retry/", requests.retry, name="request-retry"),
    path("approvals/", requests.approvals, name="approvals"),
    path("audit/", audit.event_list, name="audit"),
    path("audit/<int:pk>/", audit.event_detail, name="audit-event"),
]
