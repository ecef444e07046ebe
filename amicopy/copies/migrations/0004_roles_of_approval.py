"""The roles again, with what approval rules and emergencies add to them."""

from django.db import migrations

from amicopy.copies.roles import make_roles


def forwards(apps, schema_editor):
    make_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("copies", "0003_approval"),
        ("audit", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
