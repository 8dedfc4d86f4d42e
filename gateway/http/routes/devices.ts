import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { parsePublicKey } from "../../../src/codec/device-key.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { Device } from "../../../src/registry/device.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

const tags = ["devices"];

/** Enrol, list, rotate, revoke. Every decision is answered once it is durable in the ledger. */
export const deviceRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { registry, erasures }) => {
  const view = (device: Device) => deviceView(device, registry.lastSeenUs(device.id));

  app.post(
    "/devices",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Enrol a device; without a public key it is an unsigned board",
        body: shapes.enrolBody,
        response: shapes.answers({ 201: shapes.device }),
      },
    },
    async ({ body: { publicKey, ...body }, operator }, reply) => {
      const key = publicKey === undefined ? undefined : decodedKey(publicKey);
      const device = await registry.enrol({ ...body, publicKey: key }, operator);
      return reply.code(201).header("location", `/api/v1/devices/${device.id}`).send(view(device));
    },
  );

  app.get(
    "/devices",
    {
      schema: {
        tags,
        summary: "List the devices by id",
        querystring: shapes.pageQuery,
        response: shapes.answers({ 200: shapes.page(shapes.device) }),
      },
    },
    async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString("latin1");
      const rest = registry
        .list()
        .filter(({ id }) => id > after)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const devices = rest.slice(0, limit);
      const next = rest.length > limit ? Buffer.from(devices.at(-1)!.id, "latin1").toString("base64url") : null;
      return { data: devices.map(view), next };
    },
  );

  app.get(
    "/devices/:id",
    {
      schema: {
        tags,
        summary: "One device with its key epochs",
        params: shapes.deviceParams,
        response: shapes.answers({ 200: shapes.device }),
      },
    },
    async ({ params: { id } }) => {
      const device = registry.find(id);
      if (!device) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      return view(device);
    },
  );

  app.post(
    "/devices/:id/keys",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Rotate: begin the next key epoch",
        params: shapes.deviceParams,
        body: shapes.rotateBody,
        response: shapes.answers({ 200: shapes.device }),
      },
    },
    async ({ params: { id }, body: { publicKey, overlapSeconds }, operator }) =>
      view(await registry.rotate(id, decodedKey(publicKey), overlapSeconds, operator)),
  );

  app.post(
    "/devices/:id/sparse-signing",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Allow or forbid chained messages, which a later signature proves",
        params: shapes.deviceParams,
        body: shapes.sparseSigningBody,
        response: shapes.answers({ 200: shapes.device }),
      },
    },
    async ({ params: { id }, body: { allowed }, operator }) =>
      view(await registry.setSparseSigning(id, allowed, operator)),
  );

  app.post(
    "/devices/:id/revoke",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Revoke a device for good",
        params: shapes.deviceParams,
        body: shapes.revokeBody,
        response: shapes.answers({ 200: shapes.device }),
      },
    },
    async ({ params: { id }, body: { reason }, operator }) => view(await registry.revoke(id, reason, operator)),
  );

  app.post(
    "/devices/:id/erase",
    {
      config: { role: "admin" },
      schema: {
        tags,
        summary: "Erase what the device has sent, for good; hashes and proofs stay",
        params: shapes.deviceParams,
        response: shapes.answers({ 202: shapes.erasure }),
      },
    },
    async ({ params: { id }, operator }, reply) => {
      if (!registry.find(id)) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      return reply.code(202).send(await erasures.erase(id, operator));
    },
  );

  app.get(
    "/devices/:id/erasure",
    {
      schema: {
        tags,
        summary: "What has become of the newest order to erase what the device has sent",
        params: shapes.deviceParams,
        response: shapes.answers({ 200: shapes.erasure }),
      },
    },
    async ({ params: { id } }) => {
      const erasure = erasures.of(id);
      if (!erasure) throw new GatewayError("NOT_FOUND", `nothing of the device ${id} was ever erased`);
      return erasure;
    },
  );
};

function deviceView(device: Device, lastSeenUs: number | undefined) {
  return {
    id: device.id,
    name: device.name,
    role: device.role,
    transport: device.transport,
    firmware: device.firmware,
    sparseSigning: device.sparseSigning,
    enrolledAt: isoTime(device.enrolledUs),
    revokedAt: isoTimeOrNull(device.revokedUs),
    lastSeenAt: isoTimeOrNull(lastSeenUs),
    keys: device.keys.map(({ epoch, publicKey, validFromUs, validUntilUs }) => ({
      epoch,
      publicKey: Buffer.from(publicKey).toString("base64"),
      validFrom: isoTime(validFromUs),
      validUntil: isoTimeOrNull(validUntilUs),
    })),
  };
}

function decodedKey(text: string): Uint8Array {
  const key = parsePublicKey(text);
  if (!key.ok) throw new GatewayError(key.reject, key.detail);
  return key.value;
}

export function isoTime(us: number): string {
  return new Date(us / 1_000).toISOString();
}

export function isoTimeOrNull(us: number | undefined): string | null {
  return us === undefined ? null : isoTime(us);
}
