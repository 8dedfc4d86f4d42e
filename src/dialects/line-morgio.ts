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

const textStart = /^(AMB|ENV) addr=0x7[67] /;
/** `T=21.52C`, `P=1013.2hPa(raw=101320)`, `IAQ=25`, `RH=nan%`: name, number, and what follows it. */
const member = /^([A-Za-z]\w*)=(-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|nan|inf))(.*)$/;
/** A number is whole if its unit follows, and a member that no paper lists has any. */
const units: Readonly<Record<string, RegExp>> = {
  age: /^ms$/,
  T: /^°?C$/,
  RH: /^%$/,
  P: /^hPa(?:\(raw=(\d+(?:\.\d+)?)\))?$/,
  Gas: /^Ohm$/,
  ...Object.fromEntries(["addr", "IAQ", "acc", "sIAQ", "CO2eq", "VOC"].map((name) => [name, /^$/])),
};
const anyUnit = /^[A-Za-z%°]*$/;
/** Without a unit, and never the last of a line: one of these at its end may lack digits. */
const inTheMiddle = new Set(["IAQ", "acc", "sIAQ", "CO2eq"]);
const notMeasured = ["sensor", "addr", "age"];

export const lineMorgio: LineDialect = {
  name: "morgio",
  begins: /(?:AMB|ENV) addr=0x7[67] .{0,64}?T=/,
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

/** @returns undefined for another line, and for one that was cut off or runs into another: wrong digits are none */
function fromText(text: string): ExactObject | undefined {
  const slot = textStart.exec(text)?.[1];
  if (slot === undefined) return undefined;
  const members = new Map<string, ExactJson>([["sensor", slot]]);
  let last = "";
  for (const word of text.trim().split(" ").slice(2)) {
    const [, name, number, rest] = member.exec(word) ?? [];
    const unit = name !== undefined && (Object.hasOwn(units, name) ? units[name]! : anyUnit).exec(rest!);
    if (!unit) return undefined;
    last = name;
    if (/\d/.test(number!)) members.set(name, new NumberText(number!));
    // The pressure before the board guessed its unit.
    if (unit[1] !== undefined) members.set("pressure_raw", new NumberText(unit[1]));
  }
  return inTheMiddle.has(last) ? undefined : members;
}
