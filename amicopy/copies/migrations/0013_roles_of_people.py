"""The roles again, with what administrators may do about people."""

from django.db import migrations

from amicopy.copies.roles import make_roles


def forwards(apps, schema_editor):
    make_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("copies", "0012_roles_of_leftovers")]
    operations = [
        migrations.AlterModelOptions(
            name="copyrequest",
            options={
                "default_permissions": (),
                "ordering": ("-id",),
                "permissions": (
                    ("submit_request", "Can ask for copies"),
                    ("decide_request", "Can approve and reject requests of others"),
                    ("view_all_requests", "Can see everybody's requests"),
                    ("break_glass", "Can approve alone in an emergency"),
                    ("manage_people", "Can add people and give roles"),
                ),
            },
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
