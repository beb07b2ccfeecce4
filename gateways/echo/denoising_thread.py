"""RNNoise beside the event loop: one thread, and what came while it was busy is its next batch.

So there are few hops from thread to thread, batches grow with the load by themselves, and the loop, which carries everybody's
captions, only ever hands over a list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from weakref import WeakKeyDictionary

import numpy as np

from gateways.echo.frames import Pcm
from gateways.echo.rnnoise import FRAME_SAMPLES, Denoiser

FRAME_S = 0.001  # of the thread, until it is known
KNOWN_BY = 0.1  # a batch's share in what is known
PIECE_SAMPLES = 5 * FRAME_SAMPLES  # of a stream in a batch: nobody waits for a second that comes at once


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of a stream that waits to be denoised."""

    denoiser: Denoiser
    samples: Pcm
    done: asyncio.Future[Pcm]


class DenoisingThread:
    """Use it in one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rnnoise")
        self._waiting: list[Job] = []
        self._busy = False
        self._under_way = 0  # samples
        self._frame_s = FRAME_S

    def wait_s(self) -> float:
        """How long it takes until what waits now is done, as far as that is known."""
        samples = self._under_way + sum(len(job.samples) for job in self._waiting)
        return samples / FRAME_SAMPLES * self._frame_s

    async def denoise(self, denoiser: Denoiser, samples: Pcm) -> Pcm:
        """Whole frames of one stream; one call at a time for each stream."""
        denoised = [samples[:0]]
        for at in range(0, len(samples), PIECE_SAMPLES):
            denoised.append(await self._piece(denoiser, samples[at : at + PIECE_SAMPLES]))
        return np.concatenate(denoised)

    async def _piece(self, denoiser: Denoiser, samples: Pcm) -> Pcm:
        loop = asyncio.get_running_loop()
        job = Job(denoiser, samples, loop.create_future())
        self._waiting.append(job)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin)  # behind all messages that this turn of the loop has brought
        return await job.done

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        self._under_way = sum(len(job.samples) for job in batch)
        began_s = perf_counter()
        work = asyncio.get_running_loop().run_in_executor(self._pool, _denoised, batch)
        work.add_done_callback(lambda done: self._finish(batch, done, began_s))

    def _finish(self, batch: Sequence[Job], done: asyncio.Future[list[Pcm]], began_s: float) -> None:
        frame_s = (perf_counter() - began_s) * FRAME_SAMPLES / self._under_way
        self._frame_s += KNOWN_BY * (frame_s - self._frame_s)
        self._under_way = 0
        if self._waiting:
            self._begin()
        else:
            self._busy = False
        error = done.exception()
        for place, job in enumerate(batch):
            if job.done.done():
                continue  # its socket is gone
            if error is None:
                job.done.set_result(done.result()[place])
            else:
                job.done.set_exception(error)


def _denoised(batch: Sequence[Job]) -> list[Pcm]:
    """In the thread."""
    return [job.denoiser.denoise(job.samples) for job in batch]


_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, DenoisingThread] = WeakKeyDictionary()


def denoising_thread() -> DenoisingThread:
    """The running loop's own."""
    loop = asyncio.get_running_loop()
    if loop not in _threads:
        _threads[loop] = DenoisingThread()
    return _threads[loop]
