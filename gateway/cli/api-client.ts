/** The HTTP API of the running gateway, as the commands use it. */
import { type ErrorCode, errorCatalog, GatewayError } from "../../src/errors.ts";
import { loadConfig } from "../config/config.ts";
import { findEndpoint } from "../config/endpoint.ts";
import { adminTokenFile, findAdminToken } from "../config/identity.ts";
import type { CommandContext } from "./context.ts";

export interface ApiOptions {
  readonly url?: string;
}

const timeoutMs = 90_000;

export class ApiClient {
  readonly #url: string;
  readonly #token: string;

  /** Address from `--url` or the configuration, token from the configuration or the data directory. */
  constructor({ options, sources }: CommandContext<ApiOptions>) {
    const config = loadConfig(sources);
    const url = options.url ?? findEndpoint(config);
    if (url === undefined)
      throw new GatewayError("GATEWAY_UNREACHABLE", `no gateway has left its address in ${config.data}`);
    const token = findAdminToken(config);
    if (token === undefined)
      throw new GatewayError("UNAUTHENTICATED", `there is no token in ${adminTokenFile(config)} yet`);
    this.#url = url.replace(/\/$/, "");
    this.#token = token;
  }

  /** @throws GatewayError with the code of the gateway's problem, or GATEWAY_UNREACHABLE */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    try {
      const response = await fetch(`${this.#url}${path}`, request);
      const text = await response.text();
      const answer: unknown = text === "" ? undefined : JSON.parse(text);
      if (!response.ok) throw fromProblem(answer, response.status);
      return answer as T;
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw new GatewayError("GATEWAY_UNREACHABLE", `no gateway answers at ${this.#url}`, { cause });
    }
  }

  /** Every item of a paged list. */
  async list<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const parameters = Object.entries({ ...query, limit: "1000", cursor: cursor ?? undefined });
      const given = parameters.filter((entry): entry is [string, string] => entry[1] !== undefined);
      const page: { data: T[]; next: string | null } = await this.call("GET", `${path}?${new URLSearchParams(given)}`);
      items.push(...page.data);
      cursor = page.next;
    } while (cursor !== null);
    return items;
  }
}

function fromProblem(problem: unknown, status: number): GatewayError {
  const { code, detail, details } = (problem ?? {}) as {
    code?: string;
    detail?: string;
    details?: Record<string, unknown>;
  };
  const known = code !== undefined && Object.hasOwn(errorCatalog, code) ? (code as ErrorCode) : "INTERNAL";
  return new GatewayError(known, detail ?? `the gateway answered ${status}`, details ? { details } : {});
}
