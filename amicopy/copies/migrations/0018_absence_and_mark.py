"""Since when something is missing, what AWS answered a removal, and the mark of what is made."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("copies", "0017_no_sentences")]
    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(default=1, unique=True)),
                ("mark", models.CharField(default="", max_length=32)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddConstraint(
            "installation", models.CheckConstraint(condition=models.Q(number=1), name="installation_is_one")
        ),
        migrations.AddField("imagecopy", "mark", models.CharField(blank=True, max_length=128)),
        migrations.AddIndex("imagecopy", models.Index(fields=["mark"], name="copy_by_mark")),
        migrations.AddField("imagecopy", "removal", models.JSONField(default=dict)),
        migrations.AddField("imagecopy", "missing_since", models.DateTimeField(null=True)),
        migrations.AddField("imagecopy", "missing_looks", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("seenleftover", "removal", models.JSONField(default=dict)),
        migrations.AddField("seenleftover", "missing_since", models.DateTimeField(null=True)),
        migrations.AddField("seenleftover", "missing_looks", models.PositiveSmallIntegerField(default=0)),
        migrations.AlterField(
            "seenleftover",
            "copy",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="copies.imagecopy",
            ),
        ),
    ]
