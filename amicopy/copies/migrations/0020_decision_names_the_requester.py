"""A decision names its request's requester, or the database refuses it."""

from django.conf import settings
from django.db import migrations, models

import amicopy.copies.core.constraints


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0019_what_an_approval_binds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='copyrequest',
            constraint=models.UniqueConstraint(fields=('id', 'requester'), name='request_with_its_requester'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=amicopy.copies.core.constraints.CompositeForeignKey(fields=('request', 'requester'), name='decision_names_the_requester', to_columns=('id', 'requester_id'), to_table='copies_copyrequest'),
        ),
    ]
