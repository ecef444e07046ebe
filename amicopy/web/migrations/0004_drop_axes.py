"""The tables of django-axes, which `sign_in_limits` replaces, go: their rows kept what was typed as a name."""

from django.db import migrations

TABLES = ("axes_accessattemptexpiration", "axes_accessattempt", "axes_accessfailurelog", "axes_accesslog")


def drop_axes(apps, schema_editor):
    connection = schema_editor.connection
    there = set(connection.introspection.table_names())
    for table in TABLES:
        if table in there:
            schema_editor.execute(f"DROP TABLE {connection.ops.quote_name(table)}")
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label="axes").delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'axes'")


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0003_sign_in_limits"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(drop_axes, migrations.RunPython.noop)]
