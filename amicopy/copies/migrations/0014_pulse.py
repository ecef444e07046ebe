"""When beat and the workers were last heard of."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0013_roles_of_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pulse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=16, unique=True)),
                ('at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
