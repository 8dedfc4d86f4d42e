/** The leaf index in an acknowledgement, where it has one: a refusal has none. */
export function acknowledgedLeaf(payload: Uint8Array): number | undefined {
  try {
    const { leafIndex } = JSON.parse(Buffer.from(payload).toString("utf8")) as { leafIndex?: unknown };
    return typeof leafIndex === "number" ? leafIndex : undefined;
  } catch {
    return undefined;
  }
}
