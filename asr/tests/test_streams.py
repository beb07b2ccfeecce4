"""Meetings and bare streams, by the services that a gateway calls: real rows, real Redis, real processes that are killed."""

import signal
import tempfile
import time
from pathlib import Path
from threading import Event

import pytest
from django.db import connections
from django.utils import timezone

from asr import runtime, streams
from asr.audio.pcm import RawFormat
from asr.leases import Lease, finish, start_next_generation
from asr.models import Channel, Session
from asr.stream_options import StreamOptions
from asr.sweeps import sweep
from asr.tests.gateway import PEOPLE, WITHIN_S, meeting, opened, process, spoken
from asr.tests.make import slots
from asr.tests.real_redis import RealRedis
from rooms.errors import BadInput, Conflict, NoCapacity


@pytest.mark.django_db
class TestOpening:
    def test_session_takes_a_slot_like_a_room_does(self):
        slots(1)
        session_id = streams.open_session(kind=Session.Kind.STREAM, source_lang="en")
        with pytest.raises(NoCapacity):
            streams.open_session(kind=Session.Kind.MEETING, source_lang="en")
        streams.close_session(session_id)
        assert streams.open_session(kind=Session.Kind.MEETING, source_lang="en") != session_id

    def test_unknown_language_opens_nothing(self):
        slots(1)
        with pytest.raises(BadInput):
            streams.open_session(kind=Session.Kind.STREAM, source_lang="xx")
        assert not Session.objects.exists()

    def test_what_the_gateway_chose_is_kept_until_the_session_is_over(self):
        options = StreamOptions(prompt="Ada", keywords=("Menabrea",), policy="similarity", pause_ms=500)
        session_id = opened(Session.Kind.STREAM, options=options).session_id
        session = Session.objects.get()
        engine = runtime.engine_options(session, "en")
        assert (engine.title, engine.glossary) == ("Ada", ("Menabrea",))
        assert (engine.policy, engine.pause_ms) == ("similarity", 500)
        finish(Lease(session_id, 1))
        assert Session.objects.get().options == {}

    def test_channels_are_bounded_and_keep_their_language(self):
        session_id = meeting(people=PEOPLE[:1]).session_id
        streams.open_channel(session_id, key="ada", source_lang="en")
        assert Channel.objects.count() == 1
        with pytest.raises(Conflict, match="channel_language"):
            streams.open_channel(session_id, key="ada", source_lang="de")
        for key in ("", "k" * (streams.MAX_KEY_CHARS + 1)):
            with pytest.raises(BadInput):
                streams.open_channel(session_id, key=key, source_lang="en")
        for number in range(streams.MAX_CHANNELS - 1):
            streams.open_channel(session_id, key=f"p{number}", source_lang="en")
        with pytest.raises(NoCapacity):
            streams.open_channel(session_id, key="one more", source_lang="en")

    def test_session_whose_gateway_says_nothing_any_more_is_closed(self):
        session_id = meeting().session_id
        sweep()
        assert streams.keep_open(session_id)
        Session.objects.update(source_seen_at=timezone.now() - streams.SOURCE_GONE_AFTER * 2)
        sweep()
        assert not streams.keep_open(session_id)
        assert Session.objects.get().close_reason == "gateway gone"
        assert streams.is_running(session_id)  # what has come is finished
        with pytest.raises(Conflict, match="session_over"):
            streams.open_channel(session_id, key="dee", source_lang="en")


@pytest.mark.django_db(transaction=True)
class TestServing:
    def test_meeting_of_three_is_each_one_s_own_words_in_their_own_time(self):
        gateway = meeting()
        for n in range(4):
            gateway.speak("ada", 1.0)
            if n % 2:
                gateway.speak("bo", 1.0, RawFormat("f32le", 48_000))
            if n == 3:
                gateway.speak("cy", 3.0, RawFormat("s16le", 8_000))
        with process(gateway.session_id) as child:
            gateway.until(lambda: len(gateway.said("ada")) == 8)
            gateway.end("ada", "bo", "cy", "")
            streams.close_session(gateway.session_id)
            gateway.until_closed()
            assert child.wait(WITHIN_S) == 0  # it deletes the audio behind its last word
        assert {key: gateway.said(key) for key in PEOPLE} == {
            "ada": spoken(4),
            "bo": spoken(2),
            "cy": spoken(3),
        }
        assert [start for start, _, _ in gateway.words("cy")] == [500 * n for n in range(6)]
        assert {text.channel for text in gateway.texts if text.kind == "end"} == set(PEOPLE)
        lasting = [text.seq for text in gateway.texts if text.kind != "hypothesis"]
        assert lasting == list(range(1, len(lasting) + 1))
        session = Session.objects.get()
        assert (session.state, session.generation) == ("closed", 1)
        assert not gateway.log.has_after("0-0")

    def test_bare_stream_shows_a_hypothesis_that_its_words_replace(self):
        gateway = opened(Session.Kind.STREAM)
        with process(gateway.session_id):
            gateway.speak("", 1.5)
            gateway.until(
                lambda: any(text.kind == "hypothesis" and text.data["words"] for text in gateway.texts)
            )
            gateway.speak("", 1.0)
            gateway.until(lambda: len(gateway.said("")) == 4)
            gateway.end("")
            streams.close_session(gateway.session_id)
            gateway.until_closed()
        assert gateway.said("") == spoken(2.5)
        probabilities = [
            row[3] for text in gateway.texts if text.kind == "words" for row in text.data["words"]
        ]
        assert probabilities == [1.0] * 5

    def test_flush_makes_text_of_all_that_came_before_it_and_speech_goes_on(self):
        gateway = opened(Session.Kind.STREAM)
        with process(gateway.session_id):
            gateway.speak("", 1.5)
            gateway.flush("", "first")
            gateway.until(lambda: any(text.kind == "flushed" for text in gateway.texts))
            assert gateway.said("") == spoken(1.5)
            gateway.speak("", 1.5)
            gateway.flush("", "second")
            gateway.end("")
            streams.close_session(gateway.session_id)
            gateway.until_closed()
        assert [word.casefold() for word in gateway.said("")] == [word.casefold() for word in spoken(3)]
        flushed = [text.data["token"] for text in gateway.texts if text.kind == "flushed"]
        assert flushed == ["first", "second"]

    def test_speech_is_told_before_its_words_and_its_end_behind_them(self):
        gateway = opened(Session.Kind.STREAM)
        gateway.pause("", 0.5)
        gateway.speak("", 1.0)
        gateway.pause("", 4.5)
        gateway.speak("", 1.0)
        gateway.end("")
        with process(gateway.session_id):
            gateway.until(lambda: any(text.kind == "end" for text in gateway.texts))
            streams.close_session(gateway.session_id)
            gateway.until_closed()
        assert gateway.told("") == [
            ("started", 500), ["S0001w2", "s0001w3"], ("stopped", 1500),
            ("started", 6000), ["S0004w1", "s0004w2"], ("stopped", 7000),
        ]  # fmt: skip

    @pytest.mark.parametrize("at", [1, 3, 5])
    def test_process_that_is_killed_loses_and_doubles_nothing_of_where_speech_is(self, at):
        gateway = opened(Session.Kind.STREAM)
        with process(gateway.session_id) as child:
            gateway.speak("", 1.5)
            gateway.pause("", 4.5)
            gateway.speak("", 2.0)
            if at > 4:
                gateway.pause("", 2.0)
            gateway.until(lambda: len(gateway.told("")) >= at)
            child.send_signal(signal.SIGKILL)
            child.wait(WITHIN_S)
        start_next_generation(Lease(gateway.session_id, 1))
        gateway.pause("", 4.0)
        gateway.speak("", 0.5)
        gateway.end("")
        streams.close_session(gateway.session_id)
        with process(gateway.session_id, generation=2):
            gateway.until_closed()
        later_ms = 12_000 if at <= 4 else 14_000
        first = f"S{later_ms // 2000 + 1:04d}w1"
        assert gateway.told("") == [
            ("started", 0), ["S0001w1", "s0001w2", "s0001w3"], ("stopped", 1500),
            ("started", 6000), ["S0004w1", "s0004w2", "s0004w3", "s0004w4"], ("stopped", 8000),
            ("started", later_ms), [first], ("stopped", later_ms + 500),
        ]  # fmt: skip

    def test_language_that_was_found_is_the_successor_s_too(self):
        gateway = opened(Session.Kind.STREAM, source_lang="auto")
        with process(gateway.session_id, DEFAULT_SOURCE_LANG="de") as child:
            gateway.speak("", 2.5)
            gateway.until(lambda: len(gateway.said("")) == 4)
            child.send_signal(signal.SIGKILL)
            child.wait(WITHIN_S)
        start_next_generation(Lease(gateway.session_id, 1))
        gateway.speak("", 1.5)
        gateway.end("")
        streams.close_session(gateway.session_id)
        with process(gateway.session_id, generation=2, DEFAULT_SOURCE_LANG="fr"):
            gateway.until_closed()
        assert gateway.said("") == spoken(4)
        langs = {text.data["lang"] for text in gateway.texts if text.kind in ("words", "hypothesis")}
        assert langs == {"de"}

    def test_participant_who_left_and_comes_back_goes_on_in_its_own_time(self):
        gateway = meeting()
        with process(gateway.session_id):
            gateway.speak("ada", 2.0)
            gateway.end("ada")
            gateway.until(lambda: any(text.kind == "end" for text in gateway.texts))
            gateway.speak("ada", 2.0)
            gateway.end("ada", "")
            streams.close_session(gateway.session_id)
            gateway.until_closed()
        assert gateway.said("ada") == spoken(4)

    def test_audio_of_a_channel_that_nobody_opened_is_left_out(self):
        gateway = meeting()
        gateway.speak("stranger", 2.0)
        gateway.speak("", 2.0)
        gateway.speak("bo", 2.0)
        gateway.end("bo", "")
        streams.close_session(gateway.session_id)
        with process(gateway.session_id):
            gateway.until_closed()
        assert gateway.said("bo") == spoken(2)
        assert {text.channel for text in gateway.texts} == {"bo", ""}

    @pytest.mark.parametrize("at_words", [1, 9, 20])
    def test_process_that_is_killed_in_mid_meeting_loses_and_doubles_no_word_of_anybody(self, at_words):
        gateway = meeting()
        with process(gateway.session_id) as child:
            for n in range(8):
                gateway.speak("ada", 1.0)
                gateway.speak("bo", 0.7)
                if n < 2:
                    gateway.speak("cy", 1.0)
            gateway.until(lambda: sum(len(gateway.said(key)) for key in PEOPLE) >= at_words)
            child.send_signal(signal.SIGKILL)
            child.wait(WITHIN_S)
        start_next_generation(Lease(gateway.session_id, 1))
        for _ in range(2):
            gateway.speak("ada", 1.0)
            gateway.speak("cy", 1.0)
        gateway.end(*PEOPLE, "")
        streams.close_session(gateway.session_id)
        with process(gateway.session_id, generation=2):
            gateway.until_closed()
        assert gateway.said("ada") == spoken(10)
        assert gateway.said("cy") == spoken(4)
        assert len(gateway.said("bo")) == len(set(gateway.said("bo"))) == 12  # 5.6 s: the last word is cut

    def test_process_that_wakes_up_behind_its_successor_writes_nothing(self):
        gateway = meeting()
        with process(gateway.session_id) as sleeper:
            gateway.speak("ada", 2.0)
            gateway.until(lambda: len(gateway.said("ada")) == 4)
            sleeper.send_signal(signal.SIGSTOP)
            gateway.speak("ada", 4.0)
            start_next_generation(Lease(gateway.session_id, 1))
            with process(gateway.session_id, generation=2):
                gateway.until(lambda: len(gateway.said("ada")) == 12)
                sleeper.send_signal(signal.SIGCONT)
                sleeper.wait(WITHIN_S)
                gateway.end("ada", "")
                streams.close_session(gateway.session_id)
                gateway.until_closed()
        assert gateway.said("ada") == spoken(6)

    def test_words_wait_while_redis_is_full_and_none_is_lost(self):
        with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as redis:
            gateway = meeting(redis.url)
            for key in PEOPLE:
                gateway.speak(key, 4.0)
            gateway.end(*PEOPLE, "")
            with redis.full(), process(gateway.session_id, redis_url=redis.url) as child:
                assert not gateway.read()
                deadline = time.monotonic() + WITHIN_S
                while not Session.objects.filter(pid__isnull=False).exists():
                    assert time.monotonic() < deadline
                    Event().wait(0.1)
                child.send_signal(signal.SIGKILL)
                child.wait(WITHIN_S)
            start_next_generation(Lease(gateway.session_id, 1))
            streams.close_session(gateway.session_id)
            with process(gateway.session_id, generation=2, redis_url=redis.url):
                gateway.until_closed()
        assert {key: gateway.said(key) for key in PEOPLE} == {key: spoken(4) for key in PEOPLE}

    def test_log_is_trimmed_though_somebody_has_been_silent_for_long(self):
        gateway = meeting()
        gateway.speak("cy", 1.0)
        gateway.end("cy")
        with process(gateway.session_id):
            gateway.until(lambda: any(text.kind == "end" for text in gateway.texts))
            first = gateway.log.read("0-0", block_ms=0, count=1)[0].entry_id
            deadline = time.monotonic() + WITHIN_S
            while gateway.log.read("0-0", block_ms=0, count=1)[0].entry_id == first:
                assert time.monotonic() < deadline
                gateway.speak("ada", 1.0)
                Event().wait(0.1)

    def test_participant_whose_audio_is_trimmed_away_goes_on_in_its_own_time_though_the_process_was_killed(
        self,
    ):
        gateway = meeting()
        raw_format = RawFormat("f32le", 44_100)
        gateway.speak("ada", 2.0, raw_format)
        gateway.end("ada")
        said_by_bo = 0
        with process(gateway.session_id) as child:
            gateway.until(lambda: any(text.kind == "end" for text in gateway.texts))
            deadline = time.monotonic() + WITHIN_S
            while gateway.log.read("0-0", block_ms=0, count=1)[0].channel == "ada":
                assert time.monotonic() < deadline
                gateway.speak("bo", 1.0)
                said_by_bo += 1
                Event().wait(0.1)
            child.send_signal(signal.SIGKILL)
            child.wait(WITHIN_S)
        start_next_generation(Lease(gateway.session_id, 1))
        gateway.speak("ada", 2.0, raw_format)
        gateway.end("ada", "bo", "")
        streams.close_session(gateway.session_id)
        with process(gateway.session_id, generation=2):
            gateway.until_closed()
        assert gateway.said("ada") == spoken(4)
        assert gateway.said("bo") == spoken(said_by_bo)

    @pytest.fixture(autouse=True)
    def connections_are_closed(self):
        yield
        connections.close_all()
