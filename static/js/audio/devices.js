// A microphone of this device, and why there is none.
const CODES = {
  NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "no_device", NotReadableError: "busy",
  AbortError: "busy", OverconstrainedError: "no_device",
};

export class MicrophoneError extends Error {
  constructor(code) {
    super(code);
    this.code = code; // denied, no_device, busy, insecure
  }
}

/** The stream of this device, or of the browser's default; `wanted` changes the constraints. Throws MicrophoneError. */
export async function openDevice(deviceId = "", wanted = {}) {
  if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("insecure");
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true, ...wanted };
  if (deviceId) audio.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new MicrophoneError(CODES[error.name] ?? "busy");
  }
}
