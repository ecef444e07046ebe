"""A deleted webhook stays as a row; its name is free again."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notify', '0001_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='endpoint',
            name='deleted_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='endpoint',
            name='name',
            field=models.CharField(max_length=64),
        ),
        migrations.AddConstraint(
            model_name='endpoint',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('name',), name='endpoint_name_once_unless_deleted'),
        ),
        migrations.AddConstraint(
            model_name='endpoint',
            constraint=models.CheckConstraint(condition=models.Q(('deleted_at__isnull', True), models.Q(('enabled', False), ('url', '')), _connector='OR'), name='endpoint_deleted_has_no_address'),
        ),
    ]
