"""Sound as everything here takes it: mono float32 at 16 kHz."""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000

Samples = NDArray[np.float32]
