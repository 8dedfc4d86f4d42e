/** Content negotiation (RFC 9110 §12.5.1) between two forms of one answer, of which the first is what most want. */

/**
 * Whether the second type is preferred: named by itself, and not below what the first is given.
 * @param accept the header's value; ranges without the type's own name are no wish for it
 */
export function prefers(type: string, over: string, accept: string | undefined): boolean {
  const ranges = (accept ?? "").split(",").map(rangeOf);
  const quality = (name: string) => ranges.find((range) => range.type === name)?.quality ?? 0;
  return quality(type) > 0 && quality(type) >= quality(over);
}

function rangeOf(text: string): { type: string; quality: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const [, weight = "1"] =
    /^q=([01](?:\.\d{0,3})?)$/.exec(parameters.find((part) => part.startsWith("q=")) ?? "") ?? [];
  return { type, quality: Number(weight) };
}
