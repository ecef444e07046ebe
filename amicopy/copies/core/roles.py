"""The roles: groups, made by a migration, and what each may do."""

from collections.abc import Mapping
from typing import Any

# group -> permissions as "app_label.codename"
# Who manages people; somebody is always left who does.
ADMINISTRATOR = "administrator"
ROLES: Mapping[str, tuple[str, ...]] = {
    "requester": ("copies.submit_request",),
    "approver": ("copies.decide_request", "copies.view_all_requests", "audit.view_all"),
    "auditor": ("copies.view_all_requests", "audit.view_all"),
    ADMINISTRATOR: (
        "copies.submit_request",
        "copies.decide_request",
        "copies.view_all_requests",
        "copies.manage_rules",
        "copies.manage_accounts",
        "copies.remove_leftovers",
        "copies.manage_people",
        "notify.manage_endpoints",
        "audit.view_all",
    ),
    # Nobody has it by another role: who may approve alone in an emergency is decided person by person.
    "break-glass": ("copies.break_glass", "copies.view_all_requests"),
}

# What a service account may have: it asks and looks, and never decides or gives anybody anything.
OF_SERVICES = ("requester", "auditor")

# Where each permission hangs, and its words, for the migration that runs before Django makes them itself.
PERMISSIONS: Mapping[str, tuple[str, str]] = {
    "copies.submit_request": ("copyrequest", "Can ask for copies"),
    "copies.decide_request": ("copyrequest", "Can approve and reject requests of others"),
    "copies.view_all_requests": ("copyrequest", "Can see everybody's requests"),
    "copies.break_glass": ("copyrequest", "Can approve alone in an emergency"),
    "copies.manage_rules": ("approvalrule", "Can change approval rules and freeze windows"),
    "copies.manage_people": ("copyrequest", "Can add people and give roles"),
    "copies.manage_accounts": ("account", "Can add and change AWS accounts"),
    "copies.remove_leftovers": ("seenleftover", "Can see and remove leftovers"),
    "notify.manage_endpoints": ("endpoint", "Can set up webhooks and see what was sent"),
    "audit.view_all": ("auditevent", "Can see the whole audit history"),
}


def make_roles(apps: Any) -> None:
    """Makes the groups and gives each its permissions; running it again changes nothing. `apps` is an app registry."""
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    content_type_model = apps.get_model("contenttypes", "ContentType")
    for role, names in ROLES.items():
        group, _ = group_model.objects.get_or_create(name=role)
        for name in names:
            app_label, codename = name.split(".")
            model, words = PERMISSIONS[name]
            content_type, _ = content_type_model.objects.get_or_create(app_label=app_label, model=model)
            permission, _ = permission_model.objects.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)
