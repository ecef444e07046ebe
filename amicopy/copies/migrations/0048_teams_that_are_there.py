"""A row for each team that is there: every group that is no role."""

from django.db import migrations

ROLES = ("requester", "approver", "auditor", "administrator", "break-glass")


def forwards(apps, schema_editor):
    team_model = apps.get_model("copies", "Team")
    for group in apps.get_model("auth", "Group").objects.exclude(name__in=ROLES).filter(team=None):
        team_model.objects.create(group=group)


class Migration(migrations.Migration):
    dependencies = [("copies", "0047_teams"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
