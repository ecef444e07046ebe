"""The stores of signed heads, and the Regions of the events that are there."""

from django.db import migrations, models

BATCH = 2_000


def fill(apps, schema_editor):
    """What `audit.log` does for new events: a request's calls say its Regions, and what follows is about the same."""
    Event, EventRegion = apps.get_model("audit", "AuditEvent"), apps.get_model("audit", "EventRegion")
    known, rows = {}, []
    events = Event.objects.filter(request__isnull=False, region="").order_by("id")
    for event, request, data in events.values_list("id", "request", "data").iterator(chunk_size=BATCH):
        calls = data.get("calls") if isinstance(data, dict) else None
        found = {call.get("DestinationRegion") for call in calls or () if isinstance(call, dict)}
        if found := {region[:32] for region in found if isinstance(region, str) and region}:
            known[request] = sorted(found)
        rows += [EventRegion(event=event, region=region) for region in known.get(request, ())]
        if len(rows) > BATCH:
            EventRegion.objects.bulk_create(rows)
            rows = []
    EventRegion.objects.bulk_create(rows)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0003_checks_and_anchors'),
    ]

    operations = [
        migrations.CreateModel(
            name='HeadStore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('folder', 'Folder'), ('bucket', 'Bucket')], max_length=8, unique=True)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('content', models.TextField(blank=True)),
                ('event_id', models.BigIntegerField(default=0)),
                ('written_at', models.DateTimeField(null=True)),
                ('tried_at', models.DateTimeField()),
                ('fault', models.CharField(blank=True, choices=[('missing', 'Gone'), ('unwritable', "Can't be written"), ('refused', 'Takes no head'), ('no-key', 'No private key')], max_length=16)),
                ('lost', models.CharField(blank=True, max_length=255)),
                ('lost_at', models.DateTimeField(null=True)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='EventRegion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.BigIntegerField()),
                ('region', models.CharField(max_length=32)),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['event'], name='event_region_by_event')],
                'constraints': [models.UniqueConstraint(fields=('region', 'event'), name='event_region_once')],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
