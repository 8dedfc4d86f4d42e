/** How a client on the same machine finds the HTTP API, also when the gateway was told to take any free port. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./schema.ts";
import { writeFileDurably } from "./write-durably.ts";

/** Leave the address of the running gateway in its data directory. @param url as `HttpServer.listen` returned it */
export function keepEndpoint(config: Config, url: string): void {
  writeFileDurably(endpointFile(config), `${url}\n`, 0o644);
}

/** URL without a final slash; undefined where the port is any free one and no gateway has told which. */
export function findEndpoint(config: Config): string | undefined {
  const { host, port } = config.http;
  if (port !== 0) return `http://${urlHost(host)}:${port}`;
  const file = endpointFile(config);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** Where to reach what listens on `host`: on every address means on loopback too. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

function endpointFile(config: Config): string {
  return join(config.data, "http-url");
}
