"""An e-mail address belongs to one person, whatever its case. Where several have one, it stays with who can sign in, of
those with who did so last, of those with who was there first; the others lose it. The next start of amicopy records in
the history how people differ from before."""

from django.db import migrations
from django.db.models.functions import Lower

INDEX = "person_email_once"


def forwards(apps, schema_editor):
    user_model = apps.get_model("auth", "User")
    seen = set()
    people = user_model.objects.exclude(email="").annotate(address=Lower("email"))
    in_order = sorted(
        people, key=lambda user: (not user.is_active, -(user.last_login.timestamp() if user.last_login else 0), user.pk)
    )
    for user in in_order:
        # Python knows more capitals than SQLite.
        if {user.address, user.email.lower()} & seen:
            user_model.objects.filter(pk=user.pk).update(email="")
        seen |= {user.address, user.email.lower()}


class Migration(migrations.Migration):
    dependencies = [("copies", "0024_grants_and_password_links"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop, elidable=False),
        migrations.RunSQL(
            f"CREATE UNIQUE INDEX {INDEX} ON auth_user (lower(email)) WHERE email <> ''",
            f"DROP INDEX {INDEX}",
        ),
    ]
