/** The operator API over MQTT: `mycogate/{gateway id}/request/{name}` is answered on `…/response/{name}`. */
import { parsePublicKey } from "../../src/codec/device-key.ts";
import { GatewayError } from "../../src/errors.ts";
import type { Device } from "../../src/registry/device.ts";
import type { Services } from "../http/services.ts";

type Body = Readonly<Record<string, unknown>>;
type Handler = (services: Services, body: Body, by: string) => unknown;

/** By the request's name. Bodies carry what the HTTP API's do. */
const handlers: Readonly<Record<string, Handler>> = {
  stats: ({ health }) => health.stats(),
  health: ({ health }) => health.readiness(),
  "device/list": ({ registry }) => registry.list().map(deviceSummary),
  "device/add": async ({ registry }, body, by) => {
    const publicKey = body.publicKey === undefined ? undefined : publicKeyOf(text(body, "publicKey"));
    const words = { name: optionalText(body, "name"), role: optionalText(body, "role") };
    return deviceSummary(await registry.enrol({ id: text(body, "id"), publicKey, ...words }, by));
  },
  "device/revoke": async ({ registry }, body, by) =>
    deviceSummary(await registry.revoke(text(body, "id"), optionalText(body, "reason") ?? "", by)),
};

export interface OperatorResponse {
  readonly status: "ok" | "error";
  readonly data?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
  /** Echoed, so that a client can tell its answers apart. */
  readonly transaction?: unknown;
}

/** Never throws: whatever is asked is answered. @param by the operator who asks */
export async function answerRequest(
  services: Services,
  name: string,
  payload: Uint8Array,
  by: string,
): Promise<OperatorResponse> {
  let body: Body = {};
  try {
    body = parseBody(payload);
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (!handler)
      throw new GatewayError(
        "NOT_FOUND",
        `there is no request "${name.slice(0, 80)}", but ${Object.keys(handlers).join(", ")}`,
      );
    return { status: "ok", data: await handler(services, body, by), ...transactionOf(body) };
  } catch (thrown) {
    const error =
      thrown instanceof GatewayError ? thrown : new GatewayError("INTERNAL", String(thrown), { cause: thrown });
    return {
      status: "error",
      error: { code: error.code, message: error.message, hint: error.hint },
      ...transactionOf(body),
    };
  }
}

/** What dashboards see of a device. */
export function deviceSummary({ id, name, role, transport, firmware, keys, revokedUs }: Device) {
  return { id, name, role, transport, firmware, keyEpoch: keys.at(-1)?.epoch ?? 0, revoked: revokedUs !== undefined };
}

function transactionOf(body: Body): { transaction?: unknown } {
  return body.transaction === undefined ? {} : { transaction: body.transaction };
}

function parseBody(payload: Uint8Array): Body {
  if (payload.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch (cause) {
    throw new GatewayError("REQUEST_INVALID", "the request is not JSON", { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Body;
  throw new GatewayError("REQUEST_INVALID", "the request is not a JSON object");
}

function publicKeyOf(encoded: string): Uint8Array {
  const key = parsePublicKey(encoded);
  if (!key.ok) throw new GatewayError("PUBLIC_KEY_INVALID", key.detail);
  return key.value;
}

function text(body: Body, key: string): string {
  const value = body[key];
  if (typeof value === "string") return value;
  throw new GatewayError("REQUEST_INVALID", `${key} is not text`);
}

function optionalText(body: Body, key: string): string | undefined {
  return body[key] === undefined ? undefined : text(body, key);
}
