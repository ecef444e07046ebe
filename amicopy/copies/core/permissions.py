"""May this person do this to this request. Each rule has a raising form, for verbs, and a yes/no form, for buttons."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.power_models import ServiceAccount

Check = Callable[[User, CopyRequest], None]


class NotAllowed(PermissionDenied):
    """The person may not do this; the words say why and are fit to be shown."""


def person(actor: Actor) -> User:
    """The person behind an actor, with the permissions they have now. Raises NotAllowed for amicopy itself."""
    if actor.id is None:
        raise NotAllowed("Only a person can do this.")
    return User.objects.get(pk=actor.id)


def check_submit(user: User) -> None:
    """Raises NotAllowed unless the person may ask for copies."""
    if not user.is_active or not user.has_perm("copies.submit_request"):
        raise NotAllowed("You can't ask for copies. Ask an administrator for the requester role.")


def service_of(user: User) -> ServiceAccount | None:
    """What makes this user a service; None for a person."""
    found: ServiceAccount | None = getattr(user, "service", None)
    return found


def people_of(user: User) -> list[User]:
    """Who answers for what this user does and hears of it: the person, or the owners of a service."""
    service = service_of(user)
    return list(service.owners.all()) if service else [user]


def named(user: User) -> str:
    """The user as people know them: a service with its owners."""
    service = service_of(user)
    return f"{user.get_username()} (service of {service.owned_by})" if service else user.get_username()


def owns(user: User, request: CopyRequest) -> bool:
    """Whether a service of this person's asked for it."""
    return request.by_machine and ServiceAccount.objects.filter(user=request.requester_id, owners=user).exists()


def answers_for(user: User, request: CopyRequest) -> bool:
    """Whether the request is this person's own, or that of a service of theirs."""
    return request.requester_id == user.pk or owns(user, request)


def _check_not_own(user: User, request: CopyRequest) -> None:
    if request.requester_id == user.pk:
        raise NotAllowed("You can't decide on your own request. Somebody else has to.")
    if owns(user, request):
        raise NotAllowed("You own the service account that asked, so somebody else has to decide.")


def check_decide(user: User, request: CopyRequest) -> None:
    """Raises NotAllowed unless the person may approve, reject or send back this request; superusers are no
    exception."""
    _check_not_own(user, request)
    if not user.is_active or not user.has_perm("copies.decide_request"):
        raise NotAllowed("You can't decide on requests. Ask an administrator for the approver role.")


def check_break_glass(user: User, request: CopyRequest) -> None:
    """Raises NotAllowed unless the person may approve this request alone in an emergency; never their own."""
    _check_not_own(user, request)
    if not user.is_active or not user.has_perm("copies.break_glass"):
        raise NotAllowed("You can't approve in an emergency. Ask an administrator for the break-glass role.")


def check_resubmit(user: User, request: CopyRequest) -> None:
    """Raises NotAllowed unless the request is the person's own, or their service's, and whoever it is of may still ask
    for copies."""
    if not answers_for(user, request):
        raise NotAllowed("Only the person who made a request can submit it again.")
    check_role(user)
    check_submit(user if request.requester_id == user.pk else request.requester)


def check_manage_rules(user: User) -> None:
    """Raises NotAllowed unless the person may change approval rules and freeze windows."""
    if not may_manage_rules(user):
        raise NotAllowed("You can't change approval rules. Ask an administrator for the administrator role.")


def check_see_delegations(user: User) -> None:
    """Raises NotAllowed unless the person may hand over the right to decide, or end what others handed over."""
    if not may_manage_rules(user) and not (user.is_active and user.has_perm("copies.decide_request")):
        raise NotAllowed("You can't decide on requests, so there is nothing to hand over.")


def check_manage_accounts(user: User) -> None:
    """Raises NotAllowed unless the person may add and change AWS accounts."""
    if not user.is_active or not user.has_perm("copies.manage_accounts"):
        raise NotAllowed("You can't see or change AWS accounts. Ask an administrator for the administrator role.")


def may_see_system(user: User) -> bool:
    """Whether the person may see how amicopy itself does: whoever looks after its accounts."""
    return user.is_active and user.has_perm("copies.manage_accounts")


def check_see_system(user: User) -> None:
    """Raises NotAllowed unless the person may see how amicopy itself does."""
    if not may_see_system(user):
        raise NotAllowed("You can't see the system page. Ask an administrator for the administrator role.")


def check_remove_leftovers(user: User) -> None:
    """Raises NotAllowed unless the person may see and remove what failed and cancelled copies left at AWS."""
    if not user.is_active or not user.has_perm("copies.remove_leftovers"):
        raise NotAllowed("You can't see or remove leftovers. Ask an administrator for the administrator role.")


def check_manage_people(user: User) -> None:
    """Raises NotAllowed unless the person may add people, give roles and switch people off."""
    if not may_manage_people(user):
        raise NotAllowed("You can't manage people. Ask an administrator for the administrator role.")


def administrators() -> QuerySet[User]:
    """Everybody active who may manage people."""
    return holders("copies.manage_people")


def holders(permission: str) -> QuerySet[User]:
    """All people active with a permission, superusers among them; a service is nobody who decides or confirms."""
    # Django asks which backend it is as soon as there is a second one.
    everybody = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return everybody.filter(service=None)


def has_role(user: User) -> bool:
    """Whether the person may do anything here at all; who may not still sees their own requests of before."""
    return user.is_active and bool(user.is_superuser or user.get_group_permissions() or user.get_user_permissions())


def check_role(user: User) -> None:
    """Raises NotAllowed for somebody without any role, who can look at their own requests and do nothing else."""
    if not has_role(user):
        raise NotAllowed("You have no role any more, so you can only look. Ask an administrator for a role.")


def check_withdraw(user: User, request: CopyRequest) -> None:
    """Raises NotAllowed unless the request is the person's own, or their service's, and they have a role."""
    check_role(user)
    if not answers_for(user, request):
        raise NotAllowed("Only the person who made a request can withdraw it.")


def check_manage_copies(user: User, request: CopyRequest) -> None:
    """Raises NotAllowed unless the person may cancel or retry the request's copies: its requester, who owns
    the service that asked, or an approver."""
    check_role(user)
    if not answers_for(user, request) and not user.has_perm("copies.decide_request"):
        raise NotAllowed("Only the requester or an approver can cancel or retry copies.")


def may_see(user: User, request: CopyRequest) -> bool:
    """As `CopyRequest.objects.visible_to`, for a request at hand."""
    own = request.requester_id == user.pk or user.has_perm("copies.view_all_requests")
    return own or owns(user, request)


def may_submit(user: User) -> bool:
    return user.is_active and user.has_perm("copies.submit_request")


def may_ask_in(user: User, account: Account) -> bool:
    """Whether the account's setting lets this person ask for copies in it."""
    return Account.objects.open_to(user).filter(pk=account.pk).exists()


def may_manage_rules(user: User) -> bool:
    return user.is_active and user.has_perm("copies.manage_rules")


def may_manage_people(user: User) -> bool:
    return user.is_active and user.has_perm("copies.manage_people")


def may_break_glass(user: User, request: CopyRequest) -> bool:
    return _allowed(check_break_glass, user, request)


def may_resubmit(user: User, request: CopyRequest) -> bool:
    return _allowed(check_resubmit, user, request)


def may_look_again(user: User, request: CopyRequest) -> bool:
    """Whether the person may have AWS asked again about a request: whoever asks for it or decides on such."""
    return (
        has_role(user)
        and may_see(user, request)
        and (request.requester_id == user.pk or user.has_perm("copies.decide_request"))
    )


def check_look_again(user: User, request: CopyRequest) -> None:
    if not may_look_again(user, request):
        raise NotAllowed("Only who asked for a request, or decides on such, can have AWS asked again.")


def may_decide(user: User, request: CopyRequest) -> bool:
    return _allowed(check_decide, user, request)


def may_withdraw(user: User, request: CopyRequest) -> bool:
    return _allowed(check_withdraw, user, request)


def may_manage_copies(user: User, request: CopyRequest) -> bool:
    return _allowed(check_manage_copies, user, request)


def _allowed(check: Check, user: User, request: CopyRequest) -> bool:
    try:
        check(user, request)
    except NotAllowed:
        return False
    return True
