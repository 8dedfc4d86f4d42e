/** Every refusal of the API is an RFC 9457 problem with a code of the error catalogue. */
import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import { type ErrorCode, errorCatalog, GatewayError } from "../../src/errors.ts";

export const problemType = "application/problem+json";
const retryAfterSeconds = 5;

/** What Fastify calls the ways a request can be malformed; any other 4xx of its own is REQUEST_INVALID. */
const fastifyCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "REQUEST_TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "MEDIA_TYPE_UNSUPPORTED",
};

/** Our error for whatever was thrown while a request was handled. The text of an unknown error stays in the log. */
export function gatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const {
    code = "",
    statusCode = 500,
    message = "",
  } = error as { code?: string; statusCode?: number; message?: string };
  if (statusCode < 400 || statusCode >= 500)
    return new GatewayError("INTERNAL", "the request could not be handled", { cause: error });
  return new GatewayError(fastifyCodes[code] ?? "REQUEST_INVALID", message, { cause: error });
}

export function problemBody({ code, message, hint, details }: GatewayError): Record<string, unknown> {
  const status = errorCatalog[code].http;
  const facts = Object.keys(details).length > 0 ? { details } : {};
  return { type: "about:blank", title: STATUS_CODES[status], status, code, detail: message, hint, ...facts };
}

export function sendProblem(reply: FastifyReply, error: GatewayError): FastifyReply {
  const { http, retry } = errorCatalog[error.code];
  if (retry) reply.header("retry-after", retryAfterSeconds);
  if (http === 401) reply.header("www-authenticate", 'Bearer realm="mycogate"');
  return reply.code(http).type(problemType).send(problemBody(error));
}
