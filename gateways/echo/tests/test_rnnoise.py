"""RNNoise by its library alone, in its thread. The wheel is for x86-64 Linux: elsewhere the gate serves."""

from __future__ import annotations

import asyncio
import ctypes
import gc

import numpy as np
import pytest

from gateways.echo import places
from gateways.echo.denoising_thread import PIECE_SAMPLES, denoising_thread
from gateways.echo.rnnoise import FRAME_SAMPLES, Denoiser, library
from gateways.echo.suppressors import suppressor_of
from gateways.echo.wire import Config

RATE_HZ = 48_000
needs_rnnoise = pytest.mark.skipif(
    library() is None, reason="NO RNNOISE HERE: requirements-no-deps.txt is not installed"
)


def hiss(seconds, *, level=1000, seed=1):
    values = np.random.default_rng(seed).normal(0, level, int(seconds * RATE_HZ))
    return values.astype("<i2")


def energy(samples):
    return float(np.mean(np.square(samples.astype(np.float64))))


@needs_rnnoise
def test_hiss_is_taken_away():
    sound = hiss(2)
    denoised = Denoiser(library()).denoise(sound)
    assert denoised.dtype == np.dtype("<i2")
    assert len(denoised) == len(sound)
    assert energy(denoised[RATE_HZ:]) < energy(sound[RATE_HZ:]) / 100


@needs_rnnoise
def test_a_stream_remembers_so_that_it_does_not_matter_how_it_is_cut():
    sound = hiss(0.5)
    whole, cut = Denoiser(library()), Denoiser(library())
    pieces = [cut.denoise(sound[at : at + FRAME_SAMPLES]) for at in range(0, len(sound), FRAME_SAMPLES)]
    assert np.concatenate(pieces).tobytes() == whole.denoise(sound).tobytes()


@needs_rnnoise
def test_half_a_frame_is_no_frame():
    with pytest.raises(ValueError, match="whole"):
        Denoiser(library()).denoise(hiss(0.5)[:-1])


@needs_rnnoise
async def test_streams_in_one_thread_do_not_hear_each_other():
    sounds = [hiss(0.2, seed=seed) for seed in range(12)]
    alone = [Denoiser(library()).denoise(sound).tobytes() for sound in sounds]

    async def speak(sound):
        denoiser, thread = Denoiser(library()), denoising_thread()
        frames = [sound[at : at + FRAME_SAMPLES] for at in range(0, len(sound), FRAME_SAMPLES)]
        return b"".join([(await thread.denoise(denoiser, frame)).tobytes() for frame in frames])

    assert await asyncio.gather(*map(speak, sounds)) == alone


@needs_rnnoise
async def test_a_second_at_once_makes_no_frame_of_others_wait_for_all_of_it():
    thread, order = denoising_thread(), []

    async def speak(name, samples):
        await thread.denoise(Denoiser(library()), samples)
        order.append(name)

    long = asyncio.create_task(speak("long", hiss(1)))
    await asyncio.sleep(0)
    await asyncio.gather(long, speak("short", hiss(1)[:FRAME_SAMPLES]))
    assert order == ["short", "long"]
    assert PIECE_SAMPLES < RATE_HZ / 10


@needs_rnnoise
async def test_who_goes_in_the_middle_harms_nobody():
    thread = denoising_thread()
    gone = asyncio.create_task(thread.denoise(Denoiser(library()), hiss(1)))
    stays = asyncio.create_task(thread.denoise(Denoiser(library()), hiss(0.5)))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await stays) == RATE_HZ // 2
    gc.collect()


def test_rnnoise_serves_as_many_as_its_thread_may_and_the_gate_the_others(settings):
    settings.ENV = settings.ENV.model_copy(update={"echo_rnnoise_streams": 1})
    before = places.RNNOISE_STREAMS.taken
    assert before == 0
    streams = [suppressor_of(Config()) for _ in range(2)]
    expected = ["gate", "gate"] if library() is None else ["rnnoise", "gate"]
    assert [stream.name for stream in streams] == expected
    for stream in streams * 2:
        stream.close()
    assert places.RNNOISE_STREAMS.taken == 0


@pytest.mark.parametrize("config", [Config(rate_hz=16_000), Config(frame_samples=441)])
def test_what_rnnoise_was_not_made_for_goes_through_the_gate(config):
    assert suppressor_of(config).name == "gate"


def test_the_settings_may_ask_for_the_gate(settings):
    settings.ENV = settings.ENV.model_copy(update={"noise_suppressor": "gate"})
    assert suppressor_of(Config()).name == "gate"


@needs_rnnoise
def test_the_library_is_loaded_once():
    assert isinstance(library(), ctypes.CDLL)
    assert library() is library()
