"""What the host's page says while it runs (static/js/host.js). Every trouble names what to do."""

from django.utils.translation import gettext as _


def host_texts() -> dict[str, str]:
    """By the keys that the script asks for."""
    return {**_states(), **_alarms(), **_endings(), **_refusals(), **_small()}


def _states() -> dict[str, str]:
    return {
        "state.starting": _("Connecting…"),
        "state.starting_hint": _("You can speak already. Nothing is lost."),
        "state.waiting": _("You are on air. The captions are starting."),
        "state.waiting_hint": _("This takes a few seconds. Everything you say is kept and captioned."),
        "state.air": _("You are on air"),
        "state.air_hint": _("Speak as always. You need not look at this page."),
        "state.paused": _("Paused"),
        "state.paused_hint": _("Nothing that is said is sent. The audience keeps what it has."),
        "state.offline": _("Connection lost. Keep speaking."),
        "state.offline_hint": _(
            "The last {seconds} s are kept here and sent when the connection is back. Check the network of this device."
        ),
        "state.offline_long": _(
            "No connection for {minutes} min. Only the last minute is kept. Check the network of this device, or host from another device."
        ),
        "state.reserved": _("The host before you may still come back."),
        "state.reserved_hint": _(
            "You are on air in {seconds} s unless they do. What you say until then is kept and captioned."
        ),
        "state.stopping": _("Sending your last words…"),
        "state.stopping_hint": _("Leave this page open for a moment."),
        "state.stopped": _("Stopped"),
        "state.stopped_hint": _("Your last words are captioned. You can close this page."),
        "state.stopped_grace": _(
            "The room stays open for {time}. Start again to go on in the same transcript."
        ),
        "state.ended": _("The room is closed."),
        "state.ended_hint": _("Everybody has read your last words. Thank you."),
    }


def _alarms() -> dict[str, str]:
    return {
        "alarm.clipping": _(
            "Too loud: the sound is distorted. Hold the microphone further away, or turn it down."
        ),
        "alarm.muted": _(
            "No signal at all. Is the microphone switched on, or muted at its cable? Is it the right one?"
        ),
        "alarm.silent": _("Nothing to hear for a while. If somebody is speaking, choose another microphone."),
        "alarm.quiet": _("Very quiet. Go closer to the microphone, or turn it up."),
        "alarm.good": _("Your voice comes through well."),
        "alarm.listen": _("Say a few words: the bar should move."),
        "alarm.unplugged": _("The microphone was unplugged. Plug it in again, or choose another one."),
        "alarm.switched": _("The microphone was unplugged. This one is used now: {name}. Check the bar."),
        "alarm.suspended": _("The browser has stopped the sound. Tap anywhere on this page."),
        "alarm.lost": _(
            "{seconds} s could not be kept and are missing: the connection was away for too long."
        ),
        "alarm.not_sent": _(
            "Some of your last words could not be sent. Start again to send them, or leave it at that."
        ),
        "mic.denied": _(
            "The browser does not let this page use the microphone. Tap the lock or microphone sign beside the address, allow the microphone, then try again."
        ),
        "mic.no_device": _("No microphone found. Plug one in, then try again."),
        "mic.busy": _(
            "Another program uses the microphone. Close it (a video call, for example), then try again."
        ),
        "mic.insecure": _(
            "Browsers allow microphones on secure pages only. Open this page by its https address."
        ),
        "mic.unsupported": _(
            "This browser cannot record in a way that the server understands. Use Firefox, Chrome, Edge, or Safari 18.4 or newer."
        ),
    }


def _endings() -> dict[str, str]:
    return {
        "blocked.do_not_record": _(
            "This talk must not be recorded: its speaker, or the schedule, has said so. It cannot be captioned. If that is a mistake, an organiser can change it."
        ),
        "blocked.not_published": _(
            "This talk is not in the list of talks at present. Ask an organiser to publish it."
        ),
        "blocked.elsewhere": _(
            "Somebody else is hosting this room now. Ask them to stop there, or watch the captions. As soon as they stop, you can start here."
        ),
        "blocked.no_slot": _(
            "All places for captions are taken by other talks. This page tries again by itself; an organiser can close a room that is not needed."
        ),
        "notice.early": _(
            "This talk begins later. Is this the right room? You can try your microphone already."
        ),
        "notice.late": _("By the schedule this talk is over. Is this the right room?"),
        "notice.reserved": _(
            "The host before you has just gone and may come back: for {seconds} s more the room is theirs. You can start now; you are on air when that time is over."
        ),
        "notice.you_elsewhere": _(
            "You are hosting this room in another window or on another device. Start here to take over."
        ),
        "ended.elsewhere": _(
            "Somebody else hosts this room now, or you do in another window. Nothing more is sent from here."
        ),
        "ended.closed": _("The room was closed. What you said until then is captioned."),
        "ended.no_slot": _(
            "All places for captions are taken by other talks. Try again in a minute, or ask an organiser."
        ),
        "ended.signed_out": _(
            "You are no longer signed in. Sign in in another window, then tap Start here again."
        ),
        "ended.no_consent": _(
            "Your answers to the questions below are needed again. Answer them, then start."
        ),
        "ended.do_not_record": _("This talk must not be recorded from now on. Nothing more is sent."),
        "ended.language": _(
            "This language cannot be captioned here any more. Choose another one, then start."
        ),
        "ended.not_found": _("This room is gone. Look for the talk on the first page."),
    }


def _refusals() -> dict[str, str]:
    return {
        "server.asr_failed": _(
            "The captions failed several times, and the room was closed. Tell an organiser, then start again."
        ),
        "server.audio_waits": _(
            "The server cannot take sound for the moment. It is kept and captioned later; keep speaking."
        ),
        "server.audio_backlog": _(
            "The captions are ten minutes behind, and what comes now is lost. Tell an organiser."
        ),
        "server.audio_lost": _("The server is overloaded, and some sound was lost. Tell an organiser."),
        "server.waiting_for_engine": _(
            "All captioning engines are busy. Your words are kept and captioned as soon as one is free."
        ),
        "server.too_many_restarts": _("The captions are being restarted already. Wait a few seconds."),
        "server.undecodable_audio": _(
            "The server cannot read the sound of this browser. Stop, load this page again, and start; or use another browser."
        ),
        "server.not_ready": _("That did not work just now. Wait a few seconds, then try again."),
        "server.not_host": _("This page does not host the room any more. Start again."),
        "error.sentence_changed": _("Somebody else has changed this sentence meanwhile. Cancel to see it."),
        "error.not_your_transcript": _("Only whoever hosts this room can change its sentences."),
        "error.sentence_not_found": _("This sentence is gone."),
        "error.text_missing": _("Write something, or remove the sentence."),
        "error.text_too_long": _("That is too long for one sentence."),
        "error.not_active": _("The room is closed already."),
        "error.not_host": _("Only whoever hosts this room can do that."),
        "error.do_not_record": _("This talk must not be recorded."),
        "error.no_consent": _("There is nothing that you could withdraw: you gave no consent for this talk."),
        "error.outdated_wording": _(
            "These questions have changed. Load this page again and answer them anew."
        ),
    }


def _small() -> dict[str, str]:
    return {
        "mic.unnamed": _("Microphone {number}"),
        "correct": _("Correct"),
        "correct_this": _("Correct this sentence: {text}"),
        "save": _("Save"),
        "cancel": _("Cancel"),
        "remove": _("Remove"),
        "missing.mic": _("allow the microphone"),
        "missing.keep": _("say whether the text is kept"),
        "missing.public": _("say whether everybody may download it"),
        "missing": _("Before you start: {what}."),
        "start.ready": _("All set."),
        "viewers.none": _("Nobody is reading yet"),
        "viewers.one": _("1 person is reading"),
        "viewers.many": _("{count} people are reading"),
        "viewers.langs": _("{who}: {langs}"),
        "delay": _("Captions come {seconds} s after your words"),
        "delay.long": _(
            "Captions are {seconds} s late. Speak a little slower; if it stays so, tell an organiser."
        ),
        "delay.none": _("No delay known yet"),
        "delay.screens": _("on screens after {seconds} s"),
        "translation.fails": _("Not translated at present: {langs}"),
        "translation.stopped": _("Not translated any more today, this room's quota is used up: {langs}"),
        "grace.left": _("Without you the room closes in {time}."),
        "message.read": _("Read"),
        "pause": _("Pause"),
        "resume": _("Go on"),
        "sure.end": _("Close the room for everybody now?"),
        "withdraw.sure": _(
            "Withdraw your consent? Everything that was said under it is deleted for everybody, in every language, for good."
        ),
        "withdraw.done": _("Withdrawn. What was said under your consent is deleted."),
        "sure.remove": _("Remove this sentence for everybody? It cannot be brought back."),
        "applied": _("Done. It counts from now on."),
    }
