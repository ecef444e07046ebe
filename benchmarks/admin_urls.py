"""The list of events in Django's admin, which amicopy doesn't install: only to compare with."""

from typing import TYPE_CHECKING

from django.contrib.admin import AdminSite, ModelAdmin
from django.http import HttpRequest
from django.urls import path

from amicopy.audit.models import AuditEvent

if TYPE_CHECKING:
    Base = ModelAdmin[AuditEvent]
else:
    Base = ModelAdmin


class EventAdmin(Base):
    """The columns and filters that amicopy's own page has."""

    list_display = ("id", "action", "actor", "source", "request", "region", "image_id", "at")
    list_filter = ("action", "account", "region")
    search_fields = ("actor", "image_id", "aws_request_id")
    list_per_page = 50


class Site(AdminSite):
    """Lets in whoever is signed in: nobody here is staff."""

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active


site = Site()
site.register(AuditEvent, EventAdmin)
urlpatterns = [path("admin/", site.urls)]
