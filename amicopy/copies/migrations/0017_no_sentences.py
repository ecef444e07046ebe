"""The sentences are codes now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("copies", "0016_reason_codes")]
    operations = [migrations.RemoveField("imagecopy", "waiting_for")]
