"""When the last call of an attempt went out: how long its image may still turn up."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0004_roles_of_approval'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='last_called_at',
            field=models.DateTimeField(null=True),
        ),
    ]
