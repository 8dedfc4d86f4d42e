/** What a gateway has of a device, and the key that a device needs of a gateway. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";

export interface Leaf {
  readonly kind: string;
  readonly deviceId?: string;
  readonly payload: string;
  readonly verification: string;
}

/** Its readings in the ledger, where a repeated one would show; the database hides it. */
export async function leavesOf(gateway: GatewayProcess, deviceId: string): Promise<Leaf[]> {
  const { treeSize } = await gateway.stats();
  const all = await Promise.all(
    Array.from({ length: treeSize }, (_, at) => gateway.request<Leaf>("GET", `/api/v1/entries/${at}`)),
  );
  return all.filter((leaf) => leaf.kind === "reading" && leaf.deviceId === deviceId);
}

/** The numbers of its readings in the database, oldest first. */
export async function seqsOf(gateway: GatewayProcess, deviceId: string): Promise<number[]> {
  const seqs: number[] = [];
  for (let cursor = ""; ; ) {
    const path = `/api/v1/readings?device=${deviceId}&limit=1000&order=asc${cursor}`;
    const { data, next } = await gateway.request<{ data: { seq: number }[]; next: string | null }>("GET", path);
    seqs.push(...data.map(({ seq }) => seq));
    if (next === null) return seqs;
    cursor = `&cursor=${next}`;
  }
}

/** The key of its receipts, raw. */
export async function receiptKeyOf(gateway: GatewayProcess): Promise<Buffer> {
  const show = [`${projectRoot}bin/mycogate.mjs`, "key", "show", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, show, { env: { ...process.env, ...gateway.env } });
  const keys: { role: string; publicKey: string }[] = JSON.parse(stdout);
  return Buffer.from(keys.find(({ role }) => role === "receipt")!.publicKey, "hex");
}
