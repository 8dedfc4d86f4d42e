/** The gateway as the simulators see it besides the wire: enrolment before a run, accounting after it. */
import type { Transport } from "../../src/ingest/upload.ts";
import type { QuarantineReason, RejectReason } from "../../src/rejects.ts";

export interface TransportCounts {
  readonly received: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly rejected: number;
}

export interface GatewayStats extends TransportCounts {
  readonly treeSize: number;
  readonly durableSize: number;
  readonly inFlight: number;
  readonly byTransport: Readonly<Record<Transport, TransportCounts>>;
  readonly quarantineReasons: Readonly<Partial<Record<QuarantineReason, number>>>;
  readonly rejectReasons: Readonly<Partial<Record<RejectReason, number>>>;
  readonly databaseCursor: number | null;
}

/** A ledger entry, as far as the accounts go. */
export interface LedgerEntry {
  readonly kind: string;
  readonly deviceId: string | null;
  readonly verification: string | null;
  readonly source: string | null;
  readonly format: string | null;
  /** base64 */
  readonly payload: string;
  /** Lower-case hex. */
  readonly leafHash: string;
}

export interface Enrolment {
  readonly id: string;
  readonly publicKey?: string;
  readonly role: string;
  readonly transport: string;
}

export interface GatewayApi {
  stats(): Promise<GatewayStats>;
  listeners(): Promise<readonly { readonly name: string; readonly url: string }[]>;
  /** MAVLink frames, whatever became of them. */
  mavlinkFrames(): Promise<number>;
  enrol(devices: readonly Enrolment[]): Promise<void>;
  revoke(id: string): Promise<void>;
  devices(): Promise<readonly { readonly id: string; readonly transport: string }[]>;
  /** Resolves once the command is finished. */
  command(deviceId: string, instruction: object): Promise<{ readonly state: string; readonly message: string }>;
  entry(leafIndex: number): Promise<LedgerEntry | undefined>;
  /** Whether the database has a reading of the device. */
  hasReadings(deviceId: string): Promise<boolean>;
}

/** The gateway gave an answer that a run cannot go on with. */
export class GatewayRefusal extends Error {}

/** Requests under way at once, where there are many to make. */
const concurrency = 16;
/** In real time: enough for a busy machine, and for some attempts in the minute that a device that was away is told again. */
const commandMs = 15_000;

export class HttpGateway implements GatewayApi {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/$/, "");
    this.#token = token;
  }

  stats(): Promise<GatewayStats> {
    return this.#json("GET", "/api/v1/stats");
  }

  async listeners(): Promise<readonly { readonly name: string; readonly url: string }[]> {
    return (await this.#json<{ data: { name: string; url: string }[] }>("GET", "/api/v1/listeners")).data;
  }

  async mavlinkFrames(): Promise<number> {
    const text = await (await this.#fetch("GET", "/metrics")).text();
    const counts = [...text.matchAll(/^mycogate_mavlink_frames_total\{[^}]*\} (\S+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Those of an earlier run stay, with a new key where they had another. */
  async enrol(devices: readonly Enrolment[]): Promise<void> {
    await inParallel(devices, async (device) => {
      const response = await this.#fetch("POST", "/api/v1/devices", device);
      const answer = await response.text();
      if (response.status === 409) await this.#renew(device);
      else if (!response.ok) throw new GatewayRefusal(`enrolling ${device.id}: ${response.status} ${answer}`);
    });
  }

  async #renew({ id, publicKey }: Enrolment): Promise<void> {
    const { keys } = await this.#json<{ keys: { publicKey: string }[] }>("GET", `/api/v1/devices/${id}`);
    if (publicKey === undefined || keys.at(-1)?.publicKey === Buffer.from(publicKey, "hex").toString("base64")) return;
    const response = await this.#fetch("POST", `/api/v1/devices/${id}/keys`, { publicKey });
    const answer = await response.text();
    if (!response.ok) throw new GatewayRefusal(`a new key for ${id}: ${response.status} ${answer}`);
  }

  async revoke(id: string): Promise<void> {
    const response = await this.#fetch("POST", `/api/v1/devices/${id}/revoke`, { reason: "simulated" });
    if (!response.ok && response.status !== 409)
      throw new GatewayRefusal(`revoking ${id}: ${response.status} ${await response.text()}`);
  }

  async devices(): Promise<readonly { readonly id: string; readonly transport: string }[]> {
    const page = "/api/v1/devices?limit=1000";
    return (await this.#json<{ data: { id: string; transport: string }[] }>("GET", page)).data;
  }

  async command(deviceId: string, instruction: object): Promise<{ readonly state: string; readonly message: string }> {
    const limits = { timeoutMs: commandMs, expiresInMs: commandMs, waitMs: 2 * commandMs };
    const response = await this.#fetch("POST", `/api/v1/devices/${deviceId}/commands`, { ...instruction, ...limits });
    const answer = (await response.json()) as { state?: string; message?: string; code?: string; detail?: string };
    return { state: answer.state ?? answer.code ?? "refused", message: answer.message ?? answer.detail ?? "" };
  }

  async entry(leafIndex: number): Promise<LedgerEntry | undefined> {
    const response = await this.#fetch("GET", `/api/v1/entries/${leafIndex}`);
    if (response.status === 404) return undefined;
    return (await response.json()) as LedgerEntry;
  }

  async hasReadings(deviceId: string): Promise<boolean> {
    const { data } = await this.#json<{ data: unknown[] }>("GET", `/api/v1/readings?device=${deviceId}&limit=1`);
    return data.length > 0;
  }

  async #json<Answer>(method: string, path: string): Promise<Answer> {
    const response = await this.#fetch(method, path);
    if (!response.ok) throw new GatewayRefusal(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  async #fetch(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      return await fetch(this.#url + path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new GatewayRefusal(`no gateway answers at ${this.#url}`, { cause });
    }
  }
}

export async function inParallel<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
