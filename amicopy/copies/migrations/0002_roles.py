"""The roles of that time; `0013_roles_of_people` makes them all, so nothing is left to do here."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("copies", "0001_initial"),
        ("audit", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = []
