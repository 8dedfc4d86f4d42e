import { pino } from "pino";
import { adminTokenOnly } from "../../gateway/http/auth.ts";
import { createHttpServer } from "../../gateway/http/server.ts";
import { type MemoryState, memoryServices } from "./memory-services.ts";

export const adminToken = "a-token-for-the-tests";

export interface HttpApi {
  readonly url: string;
  readonly state: MemoryState;
  /** With the admin token unless told otherwise; a body is sent as JSON. */
  readonly call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>;
  readonly close: () => Promise<void>;
}

/** A real server on a free port of loopback, with the services in memory. */
export async function startHttpApi(
  limits: { maxBodyBytes?: number; requestTimeoutMs?: number } = {},
): Promise<HttpApi> {
  const { services, state } = memoryServices();
  const config = {
    host: "127.0.0.1",
    port: 0,
    maxBodyBytes: 65_536,
    maxConnections: 64,
    requestTimeoutMs: 30_000,
    ...limits,
  };
  const log = pino({ level: "silent" });
  const server = await createHttpServer({ services, config, authenticate: adminTokenOnly(adminToken), log });
  const url = await server.listen();
  return {
    url,
    state,
    call: (method, path, body, headers = { authorization: `Bearer ${adminToken}` }) => {
      const content =
        body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { ...headers, "content-type": "application/json" } };
      return fetch(`${url}${path}`, { method, headers, ...content });
    },
    close: () => server.close(),
  };
}
