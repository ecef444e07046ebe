"""The roles again, with what administrators may do about leftovers."""

from django.db import migrations

from amicopy.copies.roles import make_roles


def forwards(apps, schema_editor):
    make_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("copies", "0011_leftovers"), ("notify", "0001_messages"), ("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
