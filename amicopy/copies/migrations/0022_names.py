"""A copy's name stands beside its parameters, so that whoever has a name is found."""

from typing import Any

from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce


def fill(apps: Any, schema_editor: Any) -> None:
    name = Coalesce(KT("parameters__Name"), models.Value(""))
    apps.get_model("copies", "ImageCopy").objects.update(Name=name)


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0021_clocks'),
    ]

    operations = [
        migrations.AddField(
            model_name='imagecopy',
            name='Name',
            field=models.CharField(blank=True, default='', max_length=128),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='imagecopy',
            index=models.Index(fields=['account', 'DestinationRegion', 'Name'], name='copy_by_name'),
        ),
    ]
