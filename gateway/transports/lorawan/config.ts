/** The `lorawan` section of the configuration. */
import { type Static, Type } from "typebox";
import type { DeepReadonly } from "../../config/deep-readonly.ts";

const strict = { additionalProperties: false };

export const lorawanConfigSchema = Type.Object(
  {
    servers: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: "^[A-Za-z0-9._-]{1,32}$", description: "Its name in sources and logs." }),
          kind: Type.Enum(["chirpstack", "ttn"], { description: "ChirpStack v4, or The Things Stack v3." }),
          url: Type.String({
            pattern: "^(mqtt|mqtts|ws|wss)://\\S+$",
            maxLength: 512,
            description: "Its MQTT broker.",
          }),
          username: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: "MQTT user name." })),
          password: Type.Optional(
            Type.String({ minLength: 1, maxLength: 512, description: "MQTT password, or API key.", secret: true }),
          ),
        },
        strict,
      ),
      {
        description: "Network servers whose uplinks are taken, by their MQTT integration.",
        secret: true,
        default: [],
        restart: true,
      },
    ),
    devices: Type.Array(
      Type.Object(
        {
          devEui: Type.String({ pattern: "^[0-9a-fA-F]{16}$", description: "DevEUI, 16 hex digits." }),
          device: Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "Its device id." }),
        },
        strict,
      ),
      {
        description: "Which device a DevEUI is. Others are `lorawan-<DevEUI>`; a signature says whose it is.",
        default: [],
        restart: true,
      },
    ),
    downlinkPort: Type.Integer({
      description: "LoRaWAN port of downlinks whose command names none.",
      minimum: 1,
      maximum: 223,
      default: 10,
      restart: true,
    }),
    reconnectMs: Type.Integer({
      description: "Wait before a lost or missing network server is tried again.",
      unit: "ms",
      minimum: 10,
      maximum: 600_000,
      default: 5_000,
      restart: true,
    }),
  },
  strict,
);

export type LorawanConfig = DeepReadonly<Static<typeof lorawanConfigSchema>>;
