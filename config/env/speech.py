"""Settings of spoken translations."""

from pathlib import Path

from pydantic import Field

from config.env.section import Section, Words


class SpeechEnv(Section):
    """Spoken translations."""

    speech_engines: Words = Field(
        default=[],
        description="Engines that speak, in the order of preference (piper, hibari, espeak-ng, pico2wave, scripted); empty: those that are installed; `none`: nothing is spoken.",
    )
    speech_voice_dir: Path | None = Field(
        None, description="Folder of Piper voices, NAME.onnx beside NAME.onnx.json."
    )
