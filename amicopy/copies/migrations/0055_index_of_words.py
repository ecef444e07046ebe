import sys

from django.conf import settings
from django.db import DatabaseError, migrations, transaction

TABLE, INDEX = 'copies_requestwords', 'copies_requestwords_index'
BATCH = 1000
# The table of FTS5 keeps no words of its own; triggers tell it of each change.
DELETE = f"INSERT INTO {INDEX}({INDEX}, rowid, words) VALUES ('delete', old.request_id, old.words);"
INSERT = f"INSERT INTO {INDEX}(rowid, words) VALUES (new.request_id, new.words);"
SQLITE = (
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5"
    f"(words, content='{TABLE}', content_rowid='request_id', tokenize='trigram')",
    f'CREATE TRIGGER {INDEX}_insert AFTER INSERT ON {TABLE} BEGIN {INSERT} END',
    f'CREATE TRIGGER {INDEX}_delete AFTER DELETE ON {TABLE} BEGIN {DELETE} END',
    f'CREATE TRIGGER {INDEX}_update AFTER UPDATE ON {TABLE} BEGIN {DELETE} {INSERT} END',
)
POSTGRESQL = (
    'CREATE EXTENSION IF NOT EXISTS pg_trgm',
    f'CREATE INDEX {INDEX} ON {TABLE} USING gin (words gin_trgm_ops)',
)
WITHOUT = (
    'Searching for names and tags of requests will read all of them, which takes the longer the more there are: {why}'
    'On PostgreSQL an administrator of the database can mend that: CREATE EXTENSION pg_trgm; '
    f'CREATE INDEX {INDEX} ON {TABLE} USING gin (words gin_trgm_ops);\n'
)


def make_index(apps, schema_editor):
    database = schema_editor.connection
    try:
        with transaction.atomic(using=database.alias), database.cursor() as cursor:
            for statement in POSTGRESQL if database.vendor == 'postgresql' else SQLITE:
                cursor.execute(statement)
    except DatabaseError as refused:
        sys.stderr.write(WITHOUT.format(why=f'{str(refused).strip()}\n'))


def remove_index(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == 'postgresql':
            cursor.execute(f'DROP INDEX IF EXISTS {INDEX}')
            return
        for name in ('insert', 'delete', 'update'):
            cursor.execute(f'DROP TRIGGER IF EXISTS {INDEX}_{name}')
        cursor.execute(f'DROP TABLE IF EXISTS {INDEX}')


def fill(apps, schema_editor):
    """As `request_words.store` does it."""
    Copy, Words = (apps.get_model('copies', name) for name in ('ImageCopy', 'RequestWords'))
    Request = apps.get_model('copies', 'CopyRequest')
    known = list(Request.objects.order_by('pk').values_list('pk', 'round', 'Name'))
    for begin in range(0, len(known), BATCH):
        some = known[begin:begin + BATCH]
        lines = {(number, round_): {name: None} for number, round_, name in some}
        copies = Copy.objects.filter(request__in=[number for number, *_ in some])
        for number, round_, name, parameters in copies.values_list('request', 'round', 'Name', 'parameters'):
            if (number, round_) in lines:
                lines[number, round_].update({name: None, **dict.fromkeys(tags_of(parameters))})
        Words.objects.bulk_create(
            Words(request_id=number, round=round_, words='\n'.join(found).lower())
            for (number, round_), found in lines.items()
        )


def tags_of(parameters):
    for specification in parameters.get('TagSpecifications') or ():
        for tag in specification['Tags']:
            if tag['Key'] != settings.MARK_TAG_KEY:
                yield f"{tag['Key']}={tag.get('Value', '')}"


def mend(apps, schema_editor):
    """Pages find what waits by nobody having decided on it, and what is open by having no end."""
    Request = apps.get_model('copies', 'CopyRequest')
    Request.objects.filter(state='PENDING', decided_by__isnull=False).update(decided_by=None, decided_at=None)
    opened = Request.objects.filter(state__in=('PENDING', 'CHANGES_REQUESTED', 'APPROVED'))
    opened.filter(finished_at__isnull=False).update(finished_at=None)


class Migration(migrations.Migration):

    dependencies = [
        ('copies', '0054_what_pages_find'),
    ]

    operations = [
        migrations.RunPython(make_index, remove_index),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(mend, migrations.RunPython.noop),
    ]
