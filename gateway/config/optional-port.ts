import { Type } from "typebox";

/** A listener's port, or `off`. */
export function optionalPort(what: string, fallback: number | "off") {
  return Type.Union([Type.Integer({ minimum: 0, maximum: 65_535 }), Type.Literal("off"), Type.Null()], {
    description: `Port of ${what}; 0 takes a free one, \`off\` turns it off.`,
    default: fallback,
    restart: true,
  });
}
