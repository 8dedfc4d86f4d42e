/** The `udp` section of the configuration. */
import { isIP } from "node:net";
import { type Static, Type } from "typebox";
import type { DeepReadonly } from "../../config/deep-readonly.ts";
import { optionalPort } from "../../config/optional-port.ts";

const strict = { additionalProperties: false };

function limit(description: string, unit: string, fallback: number, minimum: number, maximum: number) {
  return Type.Integer({ description, unit, minimum, maximum, default: fallback, restart: true });
}

export const udpConfigSchema = Type.Object(
  {
    host: Type.String({
      description: "Address that MDP datagrams are received on.",
      minLength: 1,
      default: "127.0.0.1",
      restart: true,
    }),
    port: optionalPort("MDP frames as UDP datagrams; boards send to 8001", "off"),
    boards: Type.Array(
      Type.Object(
        {
          address: Type.String({
            pattern: "^\\S{2,64}$",
            description: "IP address of the board, with `@port` where it does not send from 5555.",
          }),
          device: Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "Its device id." }),
        },
        strict,
      ),
      {
        description: "Which device an address is. Only unsigned messages need it: a signature says whose it is.",
        default: [],
        restart: true,
      },
    ),
    identifyMs: limit(
      "How long a new board has to say who it is before it is named after its address.",
      "ms",
      1_500,
      0,
      60_000,
    ),
    limits: Type.Object(
      {
        senders: limit("Senders known at a time, beside those in udp.boards.", "senders", 256, 1, 65_535),
        idleSeconds: limit("A sender that was silent for so long makes room for another.", "s", 300, 1, 86_400),
        datagramsPerSecond: limit(
          "Datagrams of one sender beyond this are dropped and counted.",
          "datagrams/s",
          200,
          1,
          100_000,
        ),
        inFlight: limit(
          "Messages that may wait for the disk; further datagrams are dropped and counted.",
          "messages",
          4_096,
          1,
          1_000_000,
        ),
      },
      strict,
    ),
  },
  strict,
);

export type UdpConfig = DeepReadonly<Static<typeof udpConfigSchema>>;

/** The port Side-B sends from. wire-facts §2 */
const boardPort = 5_555;

/** A sender as the configuration, the ledger and device ids name it: the address, and its port unless that is the usual one. */
export function senderName(address: string, port: number): string {
  // A socket that serves both families shows IPv4 senders in IPv6's clothes.
  const plain = isIP(address) === 6 ? address.replace(/^::ffff:(?=\d+\.)/, "") : address;
  return port === boardPort ? plain : `${plain}@${port}`;
}
