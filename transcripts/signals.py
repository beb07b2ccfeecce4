"""Signals of transcripts to the layers above. Sent after the commit unless it says otherwise;
a receiver that raises disturbs nobody then."""

from django.dispatch import Signal

# Spoken sentences are new or, `corrected`, have a new text. Keywords: room_id, part_id, corrected.
sentences_committed = Signal()
# A part (`part_id` None: a whole room) is about to be deleted, in the transaction that deletes it: lock what hangs on
# it. A receiver that raises stops the deletion. Keywords: room_id, part_id.
about_to_delete = Signal()
# Nothing more will be spoken in this part. Keywords: room_id, part_id.
part_ended = Signal()
# A closing room's viewers have stayed long enough. Sent by whoever follows the room, each in its own transaction; a
# receiver's error is the sender's. Keywords: room_id.
viewers_due = Signal()
