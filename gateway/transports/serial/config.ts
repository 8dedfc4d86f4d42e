/** The `serial` section of the configuration. */
import { type Static, Type } from "typebox";
import { GatewayError } from "../../../src/errors.ts";
import { isPortDialect, type PortDialectName, portDialects } from "../../../src/serial/port-dialects.ts";

export const serialConfigSchema = Type.Object(
  {
    ports: Type.Array(Type.String({ pattern: "^\\S(.*\\S)?$", maxLength: 512 }), {
      description:
        "Serial ports that boards are attached to, each `path[@baud][=dialect]`: `/dev/serial/by-id/usb-…`, `/dev/ttyACM0@115200`, `COM3=field`. Without a dialect the gateway finds out what is spoken.",
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
    machineMode: Type.Boolean({
      description:
        "Send `mode machine`, `dbg off`, `fmt json` to a port on which only lines for people came, once for each opening. It changes what the board prints for everyone.",
      default: false,
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
  readonly dialect: PortDialectName;
}

/**
 * `/dev/ttyUSB0@9600=field` → path, speed and dialect; a path without a speed takes the default, without a dialect `auto`.
 * @throws GatewayError CONFIG_INVALID for a dialect that there is not
 */
export function portAddress(text: string, defaultBaud: number): PortAddress {
  const [, path, baud, dialect = "auto"] = /^(.+?)(?:@(\d+))?(?:=([A-Za-z0-9-]+))?$/.exec(text)!;
  if (!isPortDialect(dialect)) {
    const known = Object.keys(portDialects).join(", ");
    throw new GatewayError("CONFIG_INVALID", `serial.ports: ${text}: there is no dialect ${dialect}, but ${known}`);
  }
  return { path: path!, baud: baud === undefined ? defaultBaud : Number(baud), dialect };
}
