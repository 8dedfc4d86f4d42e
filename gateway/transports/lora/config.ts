/** The `lora` section of the configuration. */
import { type Static, Type } from "typebox";
import type { DeepReadonly } from "../../config/deep-readonly.ts";

const strict = { additionalProperties: false };

const share = (description: string, fallback: number) =>
  Type.Number({ description, minimum: 0, maximum: 1, default: fallback, restart: true });
const whole = (description: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ description, minimum, maximum, default: fallback, restart: true });

export const loraConfigSchema = Type.Object(
  {
    radios: Type.Array(Type.String({ pattern: "^\\S(.*\\S)?$", maxLength: 512 }), {
      description:
        "Serial ports that LoRa gateways are attached to, each `path[@baud]`; 115200 baud unless told. The firmware prints whole frames (ours) or their headers (stock).",
      uniqueItems: true,
      default: [],
      restart: true,
    }),
    boards: Type.Array(
      Type.Object(
        {
          endpoint: Type.String({
            pattern: "^[0-9a-fA-F]{2}$",
            description: "MDP address it sends from, in hex: `B1`.",
          }),
          device: Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "Its device id." }),
        },
        strict,
      ),
      {
        description:
          "Which device an address on the air is. Others are `lora-<address>`; a signature says whose it is.",
        default: [],
        restart: true,
      },
    ),
    spreadingFactor: whole("Of the radios, to compute time on air.", 9, 6, 12),
    bandwidthHz: Type.Integer({
      description: "Of the radios.",
      unit: "Hz",
      minimum: 7_800,
      maximum: 500_000,
      default: 125_000,
      restart: true,
    }),
    codingRate: whole("Of the radios: 5 is 4/5, 8 is 4/8.", 7, 5, 8),
    dutyCycle: share(
      "Share of an hour that the gateway may send, as the rules of the band have it. 0: it never sends.",
      0.01,
    ),
    deviceDutyCycle: share("Share of an hour that it may send to one device.", 0.005),
  },
  strict,
);

export type LoraConfig = DeepReadonly<Static<typeof loraConfigSchema>>;
