"""An approval binds to all that was seen and agreed to; what was submitted before keeps the hash it has."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0018_absence_and_mark'),
    ]

    operations = [
        migrations.AddField(
            model_name='copyrequest',
            name='hash_version',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AlterField(
            model_name='copyrequest',
            name='hash_version',
            field=models.PositiveSmallIntegerField(default=2),
        ),
        migrations.AddField(
            model_name='imagecopy',
            name='key_seen',
            field=models.CharField(blank=True, max_length=2048),
        ),
    ]
