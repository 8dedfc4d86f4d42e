import { GatewayError } from "../../src/errors.ts";

/** What opening a log throws for what the file system threw; errors of our own stay as they are. */
export function openFailure(dir: string, error: unknown): unknown {
  if (error instanceof GatewayError || !(error instanceof Error && "code" in error)) return error;
  return new GatewayError("DATA_DIR_UNUSABLE", `${dir}: ${error.message}`, { cause: error, details: { dir } });
}
