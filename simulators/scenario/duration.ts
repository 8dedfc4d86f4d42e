/** `90s`, `10m`, `1.5h`, `2d`: how people write how long. */
export const durationPattern = "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds. @param text matches {@link durationPattern} */
export function durationMs(text: string): number {
  const [, amount, unit] = /^([0-9.]+)([a-z]+)$/.exec(text)!;
  return Number(amount) * unitMs[unit as keyof typeof unitMs];
}
