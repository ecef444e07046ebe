"""Account numbers are of ASCII digits, as AWS writes them."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0014_pulse'),
    ]

    operations = [
        migrations.AlterField(
            model_name='account',
            name='account_id',
            field=models.CharField(max_length=12, unique=True, validators=[django.core.validators.RegexValidator('^[0-9]{12}\\Z', 'Enter the 12 digits of an account.')]),
        ),
        migrations.AlterField(
            model_name='approvalrule',
            name='SourceAccount',
            field=models.CharField(blank=True, max_length=12, validators=[django.core.validators.RegexValidator('^[0-9]{12}\\Z', 'Enter the 12 digits of an account.')]),
        ),
    ]
