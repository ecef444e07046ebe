"""Which worker holds a lease, so that it can hand back all it holds."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0007_roles_of_administration'),
    ]

    operations = [
        migrations.AddField(
            model_name='imagecopy',
            name='lease_holder',
            field=models.UUIDField(null=True),
        ),
    ]
