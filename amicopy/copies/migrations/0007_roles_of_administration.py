"""The roles of that time; `0013_roles_of_people` makes them all, so nothing is left to do here."""

from django.db import migrations


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
    ]
