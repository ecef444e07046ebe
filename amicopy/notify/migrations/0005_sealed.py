"""Addresses and signing keys of webhooks are stored encrypted. Receivers keep the keys they have: these were made from
SECRET_KEY and a salt, and are stored now. Without SECRET_KEY as it was they would be others."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import migrations, models


def seal(apps, schema_editor):
    fernet = Fernet(settings.ENCRYPTION_KEYS[0])
    for endpoint in apps.get_model("notify", "Endpoint").objects.filter(deleted_at__isnull=True):
        said = f"amicopy webhook {endpoint.salt}".encode()
        key = "whsec_" + base64.b64encode(hmac.new(settings.SECRET_KEY.encode(), said, hashlib.sha256).digest()).decode()
        endpoint.sealed_key = fernet.encrypt(key.encode()).decode()
        endpoint.sealed_url = fernet.encrypt(endpoint.url.encode()).decode() if endpoint.url else ""
        endpoint.save(update_fields=["sealed_key", "sealed_url"])


class Migration(migrations.Migration):

    dependencies = [
        ('notify', '0004_alarms'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='endpoint',
            name='endpoint_deleted_has_no_address',
        ),
        migrations.AddField(
            model_name='endpoint',
            name='sealed_key',
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name='endpoint',
            name='sealed_url',
            field=models.TextField(blank=True),
        ),
        # Backwards for an empty table only.
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='endpoint',
            name='salt',
        ),
        migrations.RemoveField(
            model_name='endpoint',
            name='url',
        ),
        migrations.AddConstraint(
            model_name='endpoint',
            constraint=models.CheckConstraint(condition=models.Q(('deleted_at__isnull', True), models.Q(('enabled', False), ('sealed_key', ''), ('sealed_url', '')), _connector='OR'), name='endpoint_deleted_has_no_address'),
        ),
    ]
