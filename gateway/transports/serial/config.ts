/** The `serial` section of the configuration. */
import { type Static, Type } from "typebox";

export const serialConfigSchema = Type.Object(
  {
    ports: Type.Array(Type.String({ pattern: "^\\S(.*\\S)?$", maxLength: 512 }), {
      description:
        "Serial ports that boards are attached to, each `path[@baud]`: `/dev/serial/by-id/usb-…`, `/dev/ttyACM0@115200`, `COM3`.",
      uniqueItems: true,
      default: [],
      restart: true,
    }),
    baud: Type.Integer({
      description: "Speed of the ports that name none; always 8 data bits, no parity, 1 stop bit.",
      unit: "baud",
      minimum: 300,
      maximum: 4_000_000,
      default: 115_200,
      restart: true,
    }),
    reconnectMinMs: Type.Integer({
      description: "First wait before a missing or lost port is opened again; it doubles with every failure.",
      unit: "ms",
      minimum: 10,
      maximum: 60_000,
      default: 250,
      restart: true,
    }),
    reconnectMaxMs: Type.Integer({
      description: "Longest wait between two attempts to open a port.",
      unit: "ms",
      minimum: 10,
      maximum: 600_000,
      default: 5_000,
      restart: true,
    }),
    identifyMs: Type.Integer({
      description: "How long a new board has to say who it is before it is named after its port.",
      unit: "ms",
      minimum: 0,
      maximum: 60_000,
      default: 1_500,
      restart: true,
    }),
  },
  { additionalProperties: false },
);

type Mutable = Static<typeof serialConfigSchema>;
export type SerialConfig = Readonly<Omit<Mutable, "ports">> & { readonly ports: readonly string[] };

export interface PortAddress {
  readonly path: string;
  readonly baud: number;
}

/** `/dev/ttyUSB0@9600` → path and speed; a path without a speed takes the default. */
export function portAddress(text: string, defaultBaud: number): PortAddress {
  const [, path, baud] = /^(.+?)(?:@(\d+))?$/.exec(text)!;
  return { path: path!, baud: baud === undefined ? defaultBaud : Number(baud) };
}
