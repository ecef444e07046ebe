"""Each step's action, by its code. A test compares it with the table."""

from collections.abc import Mapping

from amicopy.copies.core.steps import table
from amicopy.copies.engine.steps import alias, images, sharing, template
from amicopy.copies.engine.steps.actions import Action

CATALOGUE: Mapping[str, Action] = {
    table.WATERMARK: images.WATERMARK,
    table.SNAPSHOTS: sharing.SNAPSHOTS,
    table.LAUNCH: sharing.LAUNCH,
    table.IMDS: images.IMDS,
    table.DEPRECATION: images.DEPRECATION,
    table.PROTECTION: images.PROTECTION,
    table.TEMPLATE: template.TEMPLATE,
    table.ALIAS: alias.ALIAS,
}
