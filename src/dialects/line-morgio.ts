/**
 * The lines of the "morgio" builds, as text and as JSON, and the live JSON that generation-B Side-A 2.1.0 prints between
 * its frames: the same fields. wire-facts §4.2, §5.4
 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { type ExactJson, type ExactObject, NumberText } from "./exact-json.ts";
import { slotOf } from "./fields.ts";
import { isNumber, textAt } from "./json-fields.ts";
import { readingsOf } from "./json-readings.ts";

const textLine = /^(AMB|ENV) addr=0x7[67] /;
/** `T=21.52C`, `P=1013.2hPa(raw=101320)`, `IAQ=25`: the first number of each; a unit says nothing that the table does not. */
const member = /([A-Za-z]\w*)=(-?\d+(?:\.\d+)?)/g;
const notMeasured = ["sensor", "addr", "age"];

export const lineMorgio: LineDialect = {
  name: "morgio",
  read({ text, json }) {
    const message = json ?? fromText(text);
    if (!message) return undefined;
    const sensor = textAt(message, "sensor");
    if ((sensor !== "AMB" && sensor !== "ENV") || !["tC", "T"].some((key) => isNumber(message.get(key))))
      return undefined;
    const measured = readingsOf(message, { slot: slotOf(sensor), omit: notMeasured });
    return measured.ok ? accept(measured.value) : measured;
  },
};

export const decodeLineMorgio = lineDecoder(lineMorgio);

function fromText(text: string): ExactObject | undefined {
  const slot = textLine.exec(text)?.[1];
  if (slot === undefined) return undefined;
  const members = new Map<string, ExactJson>([["sensor", slot]]);
  for (const [, name, number] of text.matchAll(member)) {
    // The address is hexadecimal, and `raw` is the pressure before the board guessed its unit.
    if (name !== "addr") members.set(name === "raw" ? "pressure_raw" : name!, new NumberText(number!));
  }
  return members;
}
