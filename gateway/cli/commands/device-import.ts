/**
 * `mycogate device import`: enrol every device of an existing key registry, a JSON object of
 * device id → base64 public key, or → `{"publicKeyB64": …}`. Running it again changes nothing.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkDevicePublicKey, parsePublicKey } from "../../../src/codec/device-key.ts";
import { GatewayError } from "../../../src/errors.ts";
import { deviceIdPattern } from "../../../src/registry/device.ts";
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type BaseContext, type CommandHandler, print, UsageError } from "../context.ts";
import { table } from "../table.ts";
import type { DeviceView } from "./device.ts";

export interface ImportOptions extends ApiOptions {
  readonly dryRun?: boolean;
}

interface ImportRow {
  readonly id: string;
  readonly result: "enrolled" | "would enrol" | "unchanged" | "failed";
  readonly detail: string;
}

export const importDevices: CommandHandler<ImportOptions> = async (context) => {
  const registry = await readRegistry(context);
  const client = new ApiClient(context);
  const known = new Map((await client.list<DeviceView>("/api/v1/devices")).map((device) => [device.id, device]));

  const rows: ImportRow[] = [];
  for (const [id, entry] of Object.entries(registry)) {
    try {
      rows.push({ id, ...(await importOne(client, known.get(id), id, entry, context.options.dryRun === true)) });
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code === "GATEWAY_UNREACHABLE") throw error;
      rows.push({ id, result: "failed", detail: `${error.message} (${error.code})` });
    }
  }
  print(
    context,
    rows,
    table(
      ["ID", "RESULT", "DETAIL"],
      rows.map(({ id, result, detail }) => [id, result, detail]),
    ),
  );
  return rows.some(({ result }) => result === "failed") ? 1 : 0;
};

async function importOne(
  client: ApiClient,
  known: DeviceView | undefined,
  id: string,
  entry: unknown,
  isDryRun: boolean,
): Promise<Omit<ImportRow, "id">> {
  if (!deviceIdPattern.test(id)) throw new GatewayError("DEVICE_ID_INVALID", "not a device id");
  const publicKeyB64 = typeof entry === "string" ? entry : (entry as { publicKeyB64?: unknown } | null)?.publicKeyB64;
  if (typeof publicKeyB64 !== "string") throw new GatewayError("PUBLIC_KEY_INVALID", "no public key in this entry");
  const parsed = parsePublicKey(publicKeyB64);
  const key = parsed.ok ? checkDevicePublicKey(parsed.value) : parsed;
  if (!key.ok) throw new GatewayError(key.reject, key.detail);
  const publicKey = Buffer.from(key.value).toString("base64");
  if (known?.revokedAt) throw new GatewayError("DEVICE_REVOKED", "enrolled before, and revoked since");
  if (known && known.keys.at(-1)?.publicKey !== publicKey)
    throw new GatewayError("DEVICE_EXISTS", "enrolled with another key");
  if (known) return { result: "unchanged", detail: "enrolled with this key" };
  if (isDryRun) return { result: "would enrol", detail: "" };
  await client.call("POST", "/api/v1/devices", { id, publicKey });
  return { result: "enrolled", detail: "" };
}

async function readRegistry({ io, args }: BaseContext): Promise<Record<string, unknown>> {
  const name = args[0]!;
  let registry: unknown;
  try {
    registry = JSON.parse(name === "-" ? await io.readStdin() : readFileSync(resolve(io.cwd, name), "utf8"));
  } catch (error) {
    throw new UsageError(`${name} cannot be read as JSON: ${(error as Error).message}`);
  }
  if (typeof registry === "object" && registry !== null && !Array.isArray(registry))
    return registry as Record<string, unknown>;
  throw new UsageError(`${name} holds no object of device ids`);
}
