"""Why a copy waits becomes a code with data. Sentences of before are read here for the last time."""

from django.db import migrations, models

# How the sentences of before began.
CODES = (
    ("Waiting for a slot", "no-slot"),
    ("Waiting for the source AMI", "source-pending"),
    ("Waiting: AWS asks to slow down", "throttled"),
    ("Waiting for new AWS credentials", "credentials-renewed"),
    ("Waiting: AWS can't be reached", "aws-unreachable"),
    ("Looking for an image", "looking-for-image"),
    ("AWS doesn't show the new image yet", "not-shown-yet"),
    ("AWS refuses to show the copy's progress", "permission"),
    ("AWS refuses to remove the image", "removal-refused"),
    ("Removing ", "removing"),
)


def forwards(apps, schema_editor):
    copies = apps.get_model("copies", "ImageCopy").objects.exclude(waiting_for="")
    for copy in copies.only("pk", "waiting_for").iterator():
        code = next((code for words, code in CODES if copy.waiting_for.startswith(words)), "earlier")
        data = {"words": copy.waiting_for} if code == "earlier" else {}
        type(copy).objects.filter(pk=copy.pk).update(wait_code=code, wait_data=data)


class Migration(migrations.Migration):
    dependencies = [("copies", "0015_ascii_account_ids")]
    operations = [
        migrations.AddField("imagecopy", "wait_code", models.CharField(blank=True, max_length=24)),
        migrations.AddField("imagecopy", "wait_data", models.JSONField(default=dict)),
        migrations.AddField("imagecopy", "wait_told", models.CharField(blank=True, max_length=24)),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
