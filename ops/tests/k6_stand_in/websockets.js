// k6's module is the WHATWG's WebSocket, and so is Node's.
export const WebSocket = globalThis.WebSocket;
