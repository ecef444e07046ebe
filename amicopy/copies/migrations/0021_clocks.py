"""A pulse says on which host it was, and what time it was there."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0020_decision_names_the_requester'),
    ]

    operations = [
        migrations.AlterField(
            model_name='pulse',
            name='name',
            field=models.CharField(max_length=16),
        ),
        migrations.AddField(
            model_name='pulse',
            name='host',
            field=models.CharField(blank=True, default='', max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='pulse',
            name='host_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name='pulse',
            constraint=models.UniqueConstraint(fields=('name', 'host'), name='pulse_one_a_host'),
        ),
    ]
