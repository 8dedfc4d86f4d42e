import { describe, expect, test } from "vitest";
import { sensorCode, sensorName, unitCode, unitName } from "../../../protocol/names.ts";
import {
  type CodeEntry,
  envelope,
  type MapField,
  mdp,
  ourCodes,
  quality,
  sensors,
  transportCodes,
  units,
} from "../../../protocol/spec.ts";

describe.each([
  ["sensors", sensors],
  ["units", units],
  ["quality", quality],
  ["transports", transportCodes],
  ["MDP types", mdp.types],
  ["MDP flags", mdp.flags],
  ["MDP endpoints", mdp.endpoints],
])("the table of %s", (_, table) => {
  const entries = Object.values<CodeEntry>(table);

  test("gives no code twice", () => {
    expect(new Set(entries.map(({ code }) => code)).size).toBe(entries.length);
  });

  test("marks as ours exactly what lies in our block", () => {
    for (const { code, ours } of entries) expect(ours === true).toBe(code >= ourCodes.first && code <= ourCodes.last);
  });
});

test.each([
  ["envelope", envelope.fields],
  ["geo", envelope.geo],
  ["reading", envelope.reading],
])("the keys of %s count up from 0, so that their order is the order on the wire", (_, fields) => {
  expect(Object.values<MapField>(fields).map(({ key }) => key)).toEqual(
    Object.keys(fields).map((_name, index) => index),
  );
});

test("names and codes lead to each other", () => {
  for (const [name, { code }] of Object.entries(sensors)) {
    expect(sensorCode(name)).toBe(code);
    expect(sensorName(code)).toBe(name);
  }
  for (const [name, { code }] of Object.entries(units)) {
    expect(unitCode(name)).toBe(code);
    expect(unitName(code)).toBe(name);
  }
});

test("numbers and names of no table have none", () => {
  expect(sensorName(11)).toBeUndefined();
  expect(unitName(0)).toBeUndefined();
  expect(sensorCode("constructor")).toBeUndefined();
  expect(unitCode("")).toBeUndefined();
});
