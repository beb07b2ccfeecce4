// Actions of the pages: JSON to /api with the session's CSRF token; refusals are ApiError with a code.
import { errorText } from "./texts.js";

export class ApiError extends Error {
  constructor(code, status) {
    super(errorText(code));
    this.code = code;
    this.status = status;
  }
}

const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** The answer's JSON. Throws ApiError: its message is for people, its code for programs. */
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { "X-CSRFToken": token(), Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError("offline", 0);
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(said.error ?? "other", answer.status);
  return said;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
