/** The `fci` section of the configuration. */
import { type Static, Type } from "typebox";
import type { DeepReadonly } from "../../config/deep-readonly.ts";
import { optionalPort } from "../../config/optional-port.ts";
import { isLoopback } from "../mqtt/config.ts";

const strict = { additionalProperties: false };

function limit(description: string, unit: string, fallback: number, minimum: number, maximum: number) {
  return Type.Integer({ description, unit, minimum, maximum, default: fallback, restart: true });
}

export const fciConfigSchema = Type.Object(
  {
    host: Type.String({
      description: "Address that fungal computer interfaces connect to.",
      minLength: 1,
      default: "127.0.0.1",
      restart: true,
    }),
    port: optionalPort("the WebSocket and HTTP service of fungal computer interfaces; boards call 8002", "off"),
    apiKey: Type.Optional(
      Type.String({
        description:
          "What boards must present, as `X-API-Key` or, on the WebSocket, as `?api_key=`. Needed beyond loopback.",
        pattern: "^[\\x21-\\x7e]{16,512}$",
        secret: true,
        restart: true,
      }),
    ),
    boards: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$", description: "Its id in channel names: `FCI-a1b2c3`." }),
          device: Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$", description: "Its device id." }),
        },
        strict,
      ),
      { description: "Boards whose device id is not their own id.", default: [], restart: true },
    ),
    limits: Type.Object(
      {
        connections: limit("WebSocket connections at a time.", "connections", 256, 1, 65_535),
        messagesPerSecond: limit(
          "Messages of one connection, or address, beyond this are dropped and counted.",
          "messages/s",
          50,
          1,
          100_000,
        ),
        messageBytes: limit("Longer messages close the connection.", "bytes", 16_384, 1_024, 65_536),
      },
      strict,
    ),
  },
  strict,
);

export type FciConfig = DeepReadonly<Static<typeof fciConfigSchema>>;

/** A listener beyond loopback that asks nobody who they are. Such a gateway does not start. */
export function unprotectedFci({
  host,
  port,
  apiKey,
}: FciConfig): { readonly path: string; readonly message: string }[] {
  if (typeof port !== "number" || isLoopback(host) || apiKey !== undefined) return [];
  return [{ path: "fci.host", message: `listens on ${host} without fci.apiKey` }];
}
