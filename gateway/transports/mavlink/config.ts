/** The `mavlink` section of the configuration. */
import { type Static, Type } from "typebox";
import { layouts } from "../../../src/mavlink/messages.ts";
import type { DeepReadonly } from "../../config/deep-readonly.ts";
import { optionalPort } from "../../config/optional-port.ts";

const strict = { additionalProperties: false };

function limit(description: string, unit: string, fallback: number, minimum: number, maximum: number) {
  return Type.Integer({ description, unit, minimum, maximum, default: fallback, restart: true });
}

const id = (description: string) => Type.Integer({ minimum: 1, maximum: 255, description });
const names = [...layouts.values()].map(({ name }) => name);

export const mavlinkConfigSchema = Type.Object(
  {
    host: Type.String({
      description: "Address that MAVLink datagrams are received on.",
      minLength: 1,
      default: "127.0.0.1",
      restart: true,
    }),
    port: optionalPort("MAVLink 2 by UDP; ground stations listen on 14550", "off"),
    serial: Type.Array(Type.String({ pattern: "^\\S(.*\\S)?$", maxLength: 512 }), {
      description: "Serial ports that autopilots are attached to, each `path[@baud]`; 57600 baud unless told.",
      uniqueItems: true,
      default: [],
      restart: true,
    }),
    vehicles: Type.Array(
      Type.Object(
        {
          system: id("System id."),
          component: Type.Optional(id("Component id; without it, all components of the system.")),
          device: Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "Its device id." }),
        },
        strict,
      ),
      {
        description: "Which device a system or component is. Others are `mavlink-<system>-<component>`.",
        default: [],
        restart: true,
      },
    ),
    snapshotMs: limit(
      "A component's newest frame of each message becomes one entry this often.",
      "ms",
      1_000,
      20,
      3_600_000,
    ),
    record: Type.Array(Type.Enum(names), {
      description: "Messages that are recorded; others are counted as ignored.",
      uniqueItems: true,
      default: names,
      restart: true,
    }),
    signing: Type.Array(
      Type.Object(
        {
          system: id("System id."),
          key: Type.String({
            pattern: "^[0-9a-fA-F]{64}$",
            description: "The 32 bytes it signs with, in hex.",
            secret: true,
          }),
        },
        strict,
      ),
      {
        description: "Systems whose frames must be signed, and their keys. The frames of others are not checked.",
        secret: true,
        default: [],
        restart: true,
      },
    ),
    limits: Type.Object(
      {
        vehicles: limit(
          "Systems and components known at a time, beside those in mavlink.vehicles.",
          "components",
          64,
          1,
          4_096,
        ),
        framesPerSecond: limit(
          "Frames of one component beyond this are dropped and counted.",
          "frames/s",
          1_000,
          1,
          100_000,
        ),
        refusedPerSecond: limit(
          "Frames of one component with a wrong signature that are quarantined.",
          "frames/s",
          5,
          1,
          10_000,
        ),
      },
      strict,
    ),
  },
  strict,
);

export type MavlinkConfig = DeepReadonly<Static<typeof mavlinkConfigSchema>>;
