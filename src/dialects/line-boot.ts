/** What MDP firmware prints on USB beside its frames when it starts. wire-facts §3.4, §3.7 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { textAt } from "./json-fields.ts";

export const lineBoot: LineDialect = {
  name: "boot",
  read({ json }) {
    const side = json && textAt(json, "side");
    if (!json || (side !== "A" && side !== "B") || !json.has("mdp") || textAt(json, "status") === undefined)
      return undefined;
    const role = textAt(json, "device_role");
    return accept({
      readings: [],
      boot: true,
      ...(role !== undefined && { hello: { deviceId: undefined, role, firmware: "" } }),
    });
  },
};

export const decodeLineBoot = lineDecoder(lineBoot);
