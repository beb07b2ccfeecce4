"""Settings of the echo's wire."""

from typing import Literal

from pydantic import Field

from config.env.section import Section


class EchoEnv(Section):
    """Echo."""

    noise_suppressor: Literal["auto", "gate"] = Field(
        "auto", description="auto: RNNoise where it is installed and a stream is 48 kHz, else the gate."
    )
    noise_gate_threshold: float = Field(
        0.015, ge=0, le=1, description="The gate lowers frames whose RMS (1: full scale) is below."
    )
    noise_gate_attenuation: float = Field(0.2, ge=0, le=1, description="It multiplies them by this.")
    echo_max_clients: int = Field(100, ge=0, description="Clients that a web process echoes at a time.")
    echo_rnnoise_streams: int = Field(
        4, ge=0, description="Of them with RNNoise, 9 % of a core each; the others get the gate."
    )
