"""Approval rules can ask where one of some named facts holds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("copies", "0038_versions_of_processes"),
    ]

    operations = [
        migrations.AddField(
            model_name="approvalrule",
            name="facts",
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
    ]
