/** `mycogate device …`: the registry, through the HTTP API of the running gateway. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";
import { printable, table } from "../table.ts";

export interface DeviceView {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly transport: string;
  readonly firmware: string;
  readonly sparseSigning: boolean;
  readonly enrolledAt: string;
  readonly revokedAt: string | null;
  readonly lastSeenAt: string | null;
  readonly keys: readonly {
    readonly epoch: number;
    readonly publicKey: string;
    readonly validFrom: string;
    readonly validUntil: string | null;
  }[];
}

export const devicePath = (id: string): string => `/api/v1/devices/${encodeURIComponent(id)}`;

export interface AddOptions extends ApiOptions {
  readonly key?: string;
  readonly name?: string;
  readonly role?: string;
  readonly transport?: string;
  readonly sparse?: boolean;
}

export const addDevice: CommandHandler<AddOptions> = async (context) => {
  const { key: publicKey, name, role, transport, sparse: sparseSigning } = context.options;
  const body = { id: context.args[0], publicKey, name, role, transport, sparseSigning };
  const device = await new ApiClient(context).call<DeviceView>("POST", "/api/v1/devices", body);
  const how =
    device.keys.length > 0 ? "its signatures are checked from now on" : "unsigned: its readings are at most attested";
  print(context, device, `enrolled ${device.id} (${how})`);
  return 0;
};

export const listDevices: CommandHandler<ApiOptions> = async (context) => {
  const devices = await new ApiClient(context).list<DeviceView>("/api/v1/devices");
  const rows = devices.map((device) => [
    device.id,
    device.name,
    device.transport,
    device.revokedAt ? "revoked" : device.keys.length > 0 ? `key ${device.keys.at(-1)!.epoch}` : "unsigned",
    device.firmware,
    device.lastSeenAt ?? "–",
  ]);
  print(context, devices, table(["ID", "NAME", "TRANSPORT", "STATE", "FIRMWARE", "LAST SEEN"], rows));
  return 0;
};

export const showDevice: CommandHandler<ApiOptions> = async (context) => {
  const device = await new ApiClient(context).call<DeviceView>("GET", devicePath(context.args[0]!));
  const lines = [
    ["id", device.id],
    ["name", device.name],
    ["role", device.role],
    ["transport", device.transport],
    ["firmware", device.firmware],
    ["signs", device.sparseSigning ? "sparsely" : device.keys.length > 0 ? "every message" : "nothing"],
    ["enrolled", device.enrolledAt],
    ["revoked", device.revokedAt ?? "no"],
    ["last seen", device.lastSeenAt ?? "not since the gateway started"],
    ...device.keys.map(({ epoch, publicKey, validFrom, validUntil }) => [
      `key ${epoch}`,
      `${publicKey}, from ${validFrom}${validUntil ? ` until ${validUntil}` : ""}`,
    ]),
  ];
  print(context, device, lines.map(([name, value]) => `${name!.padEnd(10)} ${printable(value!)}`.trimEnd()).join("\n"));
  return 0;
};

export interface SetOptions extends ApiOptions {
  readonly sparse?: string;
}

export const setDevice: CommandHandler<SetOptions> = async (context) => {
  const { sparse } = context.options;
  if (sparse !== "on" && sparse !== "off") throw new UsageError("say --sparse on or --sparse off");
  const path = `${devicePath(context.args[0]!)}/sparse-signing`;
  const device = await new ApiClient(context).call<DeviceView>("POST", path, { allowed: sparse === "on" });
  print(context, device, `${device.id} ${device.sparseSigning ? "may sign sparsely" : "has to sign every message"}`);
  return 0;
};

export interface RevokeOptions extends ApiOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

export const revokeDevice: CommandHandler<RevokeOptions> = async (context) => {
  const id = context.args[0]!;
  if (!context.options.yes) throw new UsageError(`revoking ${id} cannot be undone; add --yes`);
  const body = { reason: context.options.reason ?? "" };
  const device = await new ApiClient(context).call<DeviceView>("POST", `${devicePath(id)}/revoke`, body);
  print(context, device, `revoked ${device.id}`);
  return 0;
};

export interface EraseOptions extends ApiOptions {
  readonly yes?: boolean;
}

interface Erasure {
  readonly order: number;
  readonly count: number | null;
}

const eraseLookMs = 200;

/** Orders it and waits until it is done; interrupted, the gateway goes on by itself. */
export const eraseDevice: CommandHandler<EraseOptions> = async (context) => {
  const id = context.args[0]!;
  if (!context.options.yes) throw new UsageError(`erasing what ${id} has sent cannot be undone; add --yes`);
  const api = new ApiClient(context);
  let erasure = await api.call<Erasure>("POST", `${devicePath(id)}/erase`);
  while (erasure.count === null) {
    await sleep(eraseLookMs);
    erasure = await api.call<Erasure>("GET", `${devicePath(id)}/erasure`);
  }
  print(context, { id, ...erasure }, `erased ${erasure.count} readings of ${id}; entry ${erasure.order} says so`);
  return 0;
};
