"""The roles again, with what administrators may do about accounts, webhooks and messages."""

from django.db import migrations

from amicopy.copies.roles import make_roles


def forwards(apps, schema_editor):
    make_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("copies", "0006_events"),
        ("notify", "0001_messages"),
        ("audit", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={
                "default_permissions": (),
                "ordering": ("name",),
                "permissions": (("manage_accounts", "Can add and change AWS accounts"),),
            },
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
