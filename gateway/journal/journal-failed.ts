import { GatewayError } from "../../src/errors.ts";

/** The disk failed in a way after which nothing it holds may be taken for granted. */
export function journalFailed(message: string, cause: unknown): GatewayError {
  return new GatewayError("JOURNAL_FAILED", message, { cause });
}
