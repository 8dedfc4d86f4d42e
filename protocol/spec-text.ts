import * as spec from "./spec.ts";

/** The tables as one JSON text; its SHA-256 names their state in everything generated from them. */
export function specText(): string {
  const { envelope, receipt, quality, transportCodes, ourCodes, units, sensors, mdp } = spec;
  return JSON.stringify({ envelope, receipt, quality, transportCodes, ourCodes, units, sensors, mdp }, (_, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
}
