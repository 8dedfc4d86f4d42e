/** The shape of a scenario file, once: its type, bounds, defaults and meaning. docs/guides/simulators.md explains it by example. */
import { type Static, Type } from "typebox";
import { commandStates } from "../../src/commands/command.ts";
import { transports } from "../../src/ingest/upload.ts";
import { quarantineReasons, rejectReasons } from "../../src/rejects.ts";
import { type FamilyName, families } from "../models/families.ts";
import { durationPattern } from "./duration.ts";

const strict = { additionalProperties: false };
const duration = (description: string, fallback?: string) =>
  Type.String({
    pattern: durationPattern,
    description: `${description} A number with ms, s, m, h or d, in simulated time.`,
    ...(fallback !== undefined && { default: fallback }),
  });
const probability = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: `${description} Probability for each message.` }));
const event = (description: string, lasts: string) =>
  Type.Optional(
    Type.Object(
      {
        p: Type.Number({ minimum: 0, maximum: 1, default: 0, description: "Probability after each message." }),
        at: Type.Array(duration("When it happens to every device of the group, counted from the start."), {
          default: [],
          description: "Times, as a list.",
        }),
        for: duration("How long it lasts.", lasts),
      },
      { ...strict, description },
    ),
  );

const faults = Type.Object(
  {
    loss: probability("The message never leaves the device."),
    duplicate: probability("It is sent twice."),
    reorder: probability("It comes after the one that follows it."),
    corrupt: probability("It is damaged on its way."),
    replay: probability("An earlier one is sent again behind it."),
    wrongKey: probability("It is signed with a key of somebody else."),
    conflict: probability("Another message with the same sequence number and message id follows."),
    brokenLine: probability("A JSON line is cut off, or mixed with the next."),
    clockSkew: Type.Optional(
      Type.Object(
        {
          min: Type.String({
            pattern: `-?${durationPattern.slice(1)}`,
            default: "0s",
            description: "Signed duration.",
          }),
          max: Type.String({
            pattern: `-?${durationPattern.slice(1)}`,
            default: "0s",
            description: "Signed duration.",
          }),
        },
        { ...strict, description: "Clocks of the devices are off by something between." },
      ),
    ),
    brownOut: event("The supply fails: the device is gone without a word, and starts again.", "20s"),
    flap: event("The link is cut and comes back; what was not acknowledged is sent again.", "10s"),
    slowConsumer: event("The device does not read what the gateway sends it.", "30s"),
  },
  { ...strict, description: "What goes wrong." },
);

const group = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z][a-z0-9-]{0,23}$", description: "Lower case; part of the device ids." }),
    family: Type.Enum(Object.keys(families) as FamilyName[], { description: "What the devices are." }),
    count: Type.Integer({ minimum: 1, maximum: 20_000, default: 1, description: "How many." }),
    transport: Type.Optional(
      Type.Enum([...transports], { description: "How they reach the gateway; the family's usual way unless given." }),
    ),
    every: Type.Optional(duration("Time between messages of one device; that of the real one unless given.")),
    enrolled: Type.Boolean({ default: true, description: "`false`: nobody has entered them, so they are strangers." }),
    revoked: Type.Boolean({ default: false, description: "`true`: they are enrolled and revoked before they speak." }),
    faults: Type.Optional(faults),
  },
  strict,
);

const command = Type.Object(
  {
    at: duration("When it is given, counted from the start."),
    group: Type.String({ description: "To the first device of this group." }),
    cmd: Type.String({ minLength: 1, maxLength: 64, description: "In the words of its family." }),
    params: Type.Record(Type.String(), Type.Unknown(), { default: {}, description: "What the command takes." }),
    state: Type.Enum([...commandStates], { default: "succeeded", description: "What has to come of it." }),
  },
  strict,
);

const outcomes = [
  "received",
  "stored",
  "duplicate",
  "quarantined",
  "rejected",
  "lost",
  "ackP50Ms",
  "ackP99Ms",
  "devices",
] as const;

const assertion = Type.Object(
  {
    what: Type.Enum([...outcomes], {
      description:
        "A number of the whole run; `lost` is what the simulators did not send, the rest is from the gateway.",
    }),
    reason: Type.Optional(
      Type.Enum([...Object.keys(quarantineReasons), ...Object.keys(rejectReasons)], {
        description: "Only those for this reason.",
      }),
    ),
    min: Type.Optional(Type.Number({ description: "At least." })),
    max: Type.Optional(Type.Number({ description: "At most." })),
  },
  strict,
);

export const scenarioSchema = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$", description: "Lower case, for `mycogate sim run`." }),
    summary: Type.String({ minLength: 1, maxLength: 200, description: "One line for `mycogate sim list`." }),
    seed: Type.String({
      pattern: "^[A-Za-z0-9._-]{1,16}$",
      default: "sim",
      description: "The same seed and start give the same messages; device ids begin with it.",
    }),
    start: Type.Optional(
      Type.String({
        format: "date-time",
        description: "What the devices' clocks read at the beginning; without it the run ends at the present.",
      }),
    ),
    duration: duration("How long the devices live.", "10m"),
    speed: Type.Number({
      exclusiveMinimum: 0,
      maximum: 100_000,
      default: 60,
      description: "Simulated seconds in one real second.",
    }),
    groups: Type.Array(group, { minItems: 1, description: "Groups of equal devices." }),
    commands: Type.Array(command, { default: [], description: "What devices are told to do by the gateway's API." }),
    assertions: Type.Array(assertion, {
      default: [],
      description: "What has to hold at the end, besides that every message is accounted for.",
    }),
  },
  strict,
);

export type Scenario = Static<typeof scenarioSchema>;
export type Group = Scenario["groups"][number];
export type Faults = NonNullable<Group["faults"]>;
export type GivenCommand = Scenario["commands"][number];
export type Assertion = Scenario["assertions"][number];
