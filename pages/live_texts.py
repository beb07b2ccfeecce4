"""What /live says: its script's catalogue."""

from django.utils.translation import gettext as _


def script_texts() -> dict[str, str]:
    """The keys are those of static/js/live.js; `problem.` is followed by a code of pages/live_levels.py."""
    return {**_frame(), **_room(), **_problems(), **_told_host(), **_dialogs(), **_errors()}


def _frame() -> dict[str, str]:
    return {
        "fresh": _("Up to date"),
        "age": _("{seconds} s old"),
        "stale": _(
            "No connection since {time}. What you see is {seconds} s old; the page keeps trying by itself."
        ),
        "live.one": _("1 room live"),
        "live.many": _("{count} rooms live"),
        "attention.none": _("nothing needs you"),
        "attention.one": _("1 needs you"),
        "attention.many": _("{count} need you"),
        "slots": _("{taken} of {total} recognisers in use"),
        "slots.none": _("No recogniser is running: no room can be opened. Start an ASR worker."),
        "slots.full": _("All recognisers are in use: no further room can be opened."),
        "worker.gone": _("ASR worker {name} is gone."),
        "engine.silent": _("Translation engine {name} does not answer ({code}). Captions are not affected."),
        "engine.pairs": _("Translation engine {name} leaves out: {pairs}."),
    }


def _room() -> dict[str, str]:
    return {
        "state.live": _("Live"),
        "state.waiting": _("Starting"),
        "state.grace": _("Host is gone"),
        "state.closing": _("Closing"),
        "state.closed": _("Not open"),
        "state.failed": _("Failed"),
        "state.idle": _("Nothing on"),
        "state.off": _("Not recorded"),
        "level.good": _("well"),
        "level.warn": _("have a look"),
        "level.bad": _("act now"),
        "hall.none": _("Without a hall"),
        "hall.idle": _("Nothing is on here."),
        "not_recorded": _("The speaker does not want to be recorded. There are no captions here."),
        "unlisted": _("not listed"),
        "next": _("Next"),
        "next.off": _("not recorded"),
        "host.shared": _("with the shared password"),
        "captioner": _("a captioner types"),
        "captioner.only": _("a captioner types, nothing is heard"),
        "host.away": _("{name} (gone)"),
        "seconds": _("{seconds} s"),
        "minutes": _("{minutes} min"),
        "nobody": _("nobody"),
        "unknown": _("not known yet"),
        "no_translation": _("none asked for"),
        "words.never": _("none yet"),
        "ago": _("{time} ago"),
        "told.seen": _("read"),
        "told.unseen": _("not read yet"),
        "stored.yes": _("kept"),
        "stored.no": _("not kept"),
    }


def _problems() -> dict[str, str]:
    return {
        "problem.failed": _(
            "Captions failed again and again, so the room was closed. Ask the host to start anew."
        ),
        "problem.not_opened": _(
            "The talk began {minutes} min ago and nobody has opened the room. Call its host."
        ),
        "problem.host_away": _("The host is gone. The room closes in {seconds} s unless they come back."),
        "problem.captioner_away": _(
            "The captioner is gone. The room closes in {seconds} s unless they come back."
        ),
        "problem.nothing_typed": _("Nobody has typed for {seconds} s. Is the captioner still there?"),
        "problem.waits": _(
            "Has waited {seconds} s for a recogniser. The sound is kept and will be written down."
        ),
        "problem.process_silent": _(
            "The recogniser has not answered for {seconds} s. Another takes over by itself."
        ),
        "problem.late": _("Captions come {seconds} s late. If it stays so, restart the recogniser."),
        "problem.translation_late": _("Translations come {seconds} s late."),
        "problem.translation_fails": _(
            "No translation into {languages} ({codes}). It is tried again by itself."
        ),
        "problem.translation_quota": _(
            "The room's quota of translated characters is used up: nothing into {languages} until midnight UTC, or until it is raised. Captions go on."
        ),
        "problem.died": _("The recogniser was replaced {count} times in five minutes."),
        "problem.told_host": _("{seconds} s ago the host was told: {said}"),
        "problem.no_sound": _("No sound for {seconds} s. Check the host's microphone and connection."),
        "problem.no_words": _("Sound comes, but no words for {seconds} s. A break, or the wrong microphone?"),
    }


def _told_host() -> dict[str, str]:
    """Codes of errors that a host's socket passes on."""
    return {
        "told.asr_failed": _("captions failed repeatedly."),
        "told.waiting_for_engine": _("all recognisers are busy or starting."),
        "told.undecodable_audio": _(
            "what the browser sends is no sound. Let them choose the microphone again."
        ),
        "told.audio_waits": _("the sound cannot be stored now and is kept. Check Redis."),
        "told.audio_backlog": _(
            "ten minutes of sound wait, and more is lost. Check Redis and the ASR workers."
        ),
        "told.audio_lost": _("sound was lost. Check Redis and the ASR workers."),
        "told.other": _("error {code}."),
    }


def _dialogs() -> dict[str, str]:
    return {
        "close.title": _("Close “{title}”?"),
        "close.text": _(
            "What was said so far is finished and delivered. Then the host and {count} readers are sent away. "
            "A host can open the room again."
        ),
        "close.do": _("Close the room"),
        "restart.title": _("Restart the recogniser of “{title}”?"),
        "restart.text": _("A new one takes over; the host and all readers stay. A few words may be missing."),
        "restart.do": _("Restart"),
        "open.title": _("Open “{title}” yourself?"),
        "open.text": _("You come to its host page, where you choose the microphone and start."),
        "open.unlisted": _("The talk is on no list now; it will be on all of them."),
        "open.do": _("To the host page"),
        "done.close": _("The room is being closed."),
        "done.restart": _("A new recogniser takes over."),
        "done.message": _("Sent. You see here when the host has read it."),
        "chars": _("{left} characters left"),
    }


def _errors() -> dict[str, str]:
    return {
        "error.operator_required": _(
            "You may not do this any more. Ask an admin to put you into the group “operators”."
        ),
        "error.not_active": _("The room is not open any more."),
        "error.room_not_found": _("This talk does not exist any more."),
        "error.do_not_record": _("The speaker does not want to be recorded: this room cannot be opened."),
        "error.no_text": _("Write a message first."),
        "error.text_too_long": _("The message is too long."),
    }
