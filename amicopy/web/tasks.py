"""What beat sends for the pages: forgetting what no longer counts."""

from celery import shared_task

from amicopy.web import sign_in_history, sign_in_limits


@shared_task
def sweep_sign_ins() -> None:
    """Forgets tries and places that no longer count, and sums up what the history only counted."""
    sign_in_history.sum_up()
    sign_in_limits.forget()
