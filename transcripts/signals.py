"""What transcripts tells the layers above. Sent after the commit; a receiver that raises disturbs nobody."""

from django.dispatch import Signal

# Spoken sentences are new or, `corrected`, have a new text. Keywords: room_id, part_id, corrected.
sentences_committed = Signal()
# Nothing more will be spoken in this part. Keywords: room_id, part_id.
part_ended = Signal()
