"""When an image is to be deprecated, by the members of the step."""

from datetime import UTC, datetime, timedelta

from amicopy.copies.core.steps.members import Members, time_of


def deprecates_at(members: Members, since: datetime) -> datetime | None:
    """When an image that is there since a moment is deprecated, to the minute as AWS takes it: on a date, or so many
    days after the copy. None where the members say neither."""
    if "DeprecateAt" in members:
        return time_of(members["DeprecateAt"])
    if "DaysAfterCopy" not in members:
        return None
    when = since.astimezone(UTC) + timedelta(days=members["DaysAfterCopy"])
    return when.replace(second=0, microsecond=0)
