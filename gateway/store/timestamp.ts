/** Microseconds since 1970 as text for a timestamptz parameter: exact, which a Date is not. */
export function timestampText(us: number): string {
  const seconds = Math.floor(us / 1_000_000);
  const micros = String(us - seconds * 1_000_000).padStart(6, "0");
  return new Date(seconds * 1000).toISOString().replace(".000Z", `.${micros}Z`);
}
