"""Engines by what is installed; programs and voices as files. hibari is real; espeak-ng and pico2wave are where they are installed."""

import io
import json
import os
import shutil
import wave

import av
import numpy as np
import pytest

from translation.speech.base import LONGEST_CHARS, Sound, SpeechError, primary
from translation.speech.hibari import Hibari
from translation.speech.mp3 import RATES_HZ, encode
from translation.speech.piper import voice_files
from translation.speech.programs import EspeakNg, Pico2Wave, read_wav
from translation.speech.scripted import ScriptedVoice
from translation.speech.voices import Voices, VoiceSettings, installed


def decoded(mp3):
    """Codec, rate and milliseconds."""
    with av.open(io.BytesIO(mp3)) as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(stream))
        return stream.codec.name.removesuffix("float"), stream.rate, samples * 1000 // stream.rate


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_speech_becomes_mp3_of_the_same_length(rate_hz):
    sound = ScriptedVoice().speak("a" * 40, "en")
    sound = Sound(np.resize(sound.samples, rate_hz * 2), rate_hz)
    codec, rate, ms = decoded(encode(sound))
    assert (codec, rate) == ("mp3", rate_hz)
    assert 2000 <= ms < 2200  # whole frames


def test_samples_that_are_no_numbers_are_silence_and_rates_that_mp3_has_not_are_refused():
    assert encode(Sound(np.full(1600, np.nan, np.float32), 16_000))
    with pytest.raises(ValueError, match="12345"):
        encode(Sound(np.zeros(10, np.float32), 12_345))


def test_english_is_spoken_by_the_voice_in_the_wheel():
    sound = Hibari().speak("Three words, spoken.", "en")
    assert sound.rate_hz == 24_000
    assert 500 < sound.ms < 5000
    assert float(np.abs(sound.samples).max()) > 0.05


def test_first_engine_that_has_a_voice_speaks_a_language():
    class English(ScriptedVoice):
        def langs(self):
            return frozenset({"en"})

        def speak(self, text, lang):
            return Sound(np.zeros(240, np.float32), 24_000)

    voices = Voices([English(), ScriptedVoice()])
    assert voices.speak("x", "en").rate_hz == 24_000
    assert voices.speak("x", "en-US").rate_hz == 24_000
    assert voices.speak("x", "pt-BR").rate_hz == 16_000
    with pytest.raises(SpeechError, match="no_voice"):
        voices.speak("x", "xx")
    with pytest.raises(SpeechError, match="too_long"):
        voices.speak("x" * (LONGEST_CHARS + 1), "en")


def test_what_is_not_installed_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    names = [engine.name for engine in installed(VoiceSettings())]
    assert "hibari" in names
    assert not {"espeak-ng", "pico2wave"} & set(names)
    assert installed(VoiceSettings(("none",))) == []
    assert [engine.name for engine in installed(VoiceSettings(("espeak-ng", "scripted", "siri")))] == [
        "scripted"
    ]


def test_settings_reach_the_process_that_speaks():
    chosen = VoiceSettings(("hibari", "scripted"), "/voices")
    assert VoiceSettings.from_json(chosen.as_json()) == chosen


def program(tmp_path, monkeypatch, name, script):
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def wav(rate_hz=22_050, samples=2205, width=2, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setframerate(rate_hz)
        written.setsampwidth(width)
        written.setnchannels(channels)
        written.writeframes(bytes(samples * width * channels))
    return file.getvalue()


def test_text_reaches_espeak_by_standard_input_and_never_as_an_option(tmp_path, monkeypatch):
    (tmp_path / "said.wav").write_bytes(wav())
    listing = "echo 'Pty Language Age'; echo ' 5 de --/M German'; echo ' 5 en-gb --/M English'"
    said = f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/text; cat {tmp_path}/said.wav'
    program(tmp_path, monkeypatch, "espeak-ng", f'if [ "$1" = --voices ]; then {listing}; else {said}; fi')
    voice = EspeakNg()
    assert voice.langs() == {"de", "en"}
    sound = voice.speak("--version -w elsewhere", "de")
    assert (sound.rate_hz, sound.ms) == (22_050, 100)
    assert (tmp_path / "arguments").read_text() == "-v de -b 1 --stdin --stdout\n"
    assert (tmp_path / "text").read_text() == "--version -w elsewhere"


def test_text_stands_behind_all_options_of_pico2wave(tmp_path, monkeypatch):
    (tmp_path / "said.wav").write_bytes(wav(16_000, 1600))
    program(
        tmp_path, monkeypatch, "pico2wave", f'echo "$@" > {tmp_path}/arguments; cp {tmp_path}/said.wav "$4"'
    )
    assert Pico2Wave().speak("-w elsewhere", "de").ms == 100
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:3] == ["-l", "de-DE", "-w"]
    assert arguments[4:] == ["--", "-w", "elsewhere"]


def test_program_that_fails_or_says_nonsense_is_an_error(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "pico2wave", "exit 1")
    with pytest.raises(SpeechError, match="failed"):
        Pico2Wave().speak("x", "de")
    program(tmp_path, monkeypatch, "pico2wave", "true")  # writes nothing
    with pytest.raises(SpeechError, match="failed"):
        Pico2Wave().speak("x", "de")
    for nonsense in (b"", b"RIFF", wav(width=1), wav(channels=2)):
        with pytest.raises(SpeechError, match="failed"):
            read_wav(nonsense)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks():
    assert EspeakNg().speak("Das ist ein Satz.", "de").ms > 500


def test_piper_voices_are_found_by_what_they_say_of_themselves(tmp_path):
    for name, said in {
        "de_DE-one-low": {"language": {"code": "de_DE"}},
        "de_DE-two-high": {"language": {"code": "de_DE"}},
        "old": {"espeak": {"voice": "pt-br"}},
        "broken": {"language": 5},
        "empty": {},
    }.items():
        (tmp_path / f"{name}.onnx").touch()
        (tmp_path / f"{name}.onnx.json").write_text(json.dumps(said))
    (tmp_path / "alone.onnx").touch()
    found = voice_files(tmp_path)
    assert {lang: path.stem for lang, path in found.items()} == {"de": "de_DE-one-low", "pt": "old"}


def test_language_of_a_voice_is_its_first_part():
    assert [primary(code) for code in ("pt-BR", "de_DE", "EN", "zh-Hans")] == ["pt", "de", "en", "zh"]
