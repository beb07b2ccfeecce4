from django.db import migrations

COPY = """
INSERT INTO asr_rooms_roomsession
  (session_id, room_id, part_id, is_open, replaced, closed_to_viewers_at,
   host_connection_id, host_seen_at, host_key, host_fence, host_left, grace_until)
SELECT id, room_id, part_id, state IN ('starting', 'live'), replaced, closed_to_viewers_at,
   host_connection_id, host_seen_at, host_key, host_fence, host_left, grace_until
FROM asr_session WHERE room_id IS NOT NULL AND part_id IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('asr_rooms', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
    ]
