"""What beat sends for the pages."""

import logging

from celery import shared_task

from amicopy.web import sign_in_history, sign_in_limits, table_sweeps

logger = logging.getLogger(__name__)
# What isn't gone by then goes with the next one.
SWEEP_TABLES_SECONDS = 20.0


@shared_task
def sweep_tables() -> None:
    """Deletes rows that nobody needs any more, and sums up the sign-ins that the history only counted. Sent twice, it
    does so twice."""
    sign_in_history.sum_up()
    sign_in_limits.forget()
    gone = {model: count for model, count in table_sweeps.sweep(seconds=SWEEP_TABLES_SECONDS).items() if count}
    if gone:
        logger.info("Swept: %s", ", ".join(f"{count} of {model}" for model, count in gone.items()))
