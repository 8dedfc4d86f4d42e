/** Bytes that Node's HTTP parser refuses never reach a route; they too are answered with a problem, then the socket is closed. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type ErrorCode, errorCatalog, GatewayError } from "../../src/errors.ts";
import { problemBody, problemType } from "./problem.ts";

const parserCodes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
};

export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = parserCodes[error.code ?? ""] ?? "REQUEST_INVALID";
  const body = JSON.stringify(problemBody(new GatewayError(code, "this is not a request we can read")));
  const { http } = errorCatalog[code];
  socket.end(
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
