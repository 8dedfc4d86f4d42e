/** JSON lines of firmware that nobody described: every number by its path. Only where the operator asks for it. */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { readingsOf } from "./json-readings.ts";

export const lineJson: LineDialect = {
  name: "json",
  read({ json }) {
    if (!json) return undefined;
    const measured = readingsOf(json);
    return measured.ok ? accept(measured.value) : measured;
  },
};

export const decodeLineJson = lineDecoder(lineJson);
