"""Leftovers as they were last seen at AWS, and who may remove them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0010_account_checks'),
    ]

    operations = [
        migrations.CreateModel(
            name='LeftoverLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField(null=True)),
                ('looked_at', models.DateTimeField(null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('unreachable', models.JSONField(default=list)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='leftover_look', to='copies.account')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='SeenLeftover',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('DestinationRegion', models.CharField(max_length=32)),
                ('ImageId', models.CharField(max_length=64)),
                ('State', models.CharField(blank=True, max_length=32)),
                ('snapshots', models.JSONField(default=list)),
                ('gib', models.PositiveIntegerField()),
                ('seen_at', models.DateTimeField()),
                ('removing_since', models.DateTimeField(null=True)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copies.account')),
                ('copy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copies.imagecopy')),
            ],
            options={
                'ordering': ('account__name', 'DestinationRegion', '-gib', 'ImageId'),
                'permissions': (('remove_leftovers', 'Can see and remove leftovers'),),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('account', 'DestinationRegion', 'ImageId'), name='leftover_one_an_image')],
            },
        ),
    ]
