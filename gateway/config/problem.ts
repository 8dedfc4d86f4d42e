import type { ErrorCode } from "../../src/errors.ts";

/** One thing wrong with the configuration. */
export interface Problem {
  readonly code: Extract<ErrorCode, "CONFIG_INVALID" | "LISTENER_UNPROTECTED">;
  /** Dotted path of the setting; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** `file:line:column`, the variable or the flag it came from; empty where no source named it. */
  readonly where: string;
}

/** `mycogate.yaml:3:9 mqtt.port must be integer` */
export function problemLine({ where, path, message }: Problem): string {
  return [where, path, message].filter((part) => part !== "").join(" ");
}
