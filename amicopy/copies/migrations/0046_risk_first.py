from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0045_correlation_of_copies'),
    ]

    operations = [
        migrations.AddField(
            model_name='copyrequest',
            name='risky',
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
