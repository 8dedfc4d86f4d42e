/** `mycogate quarantine …`: look at what could not be verified, and decide about it. */
import { GatewayError } from "../../../src/errors.ts";
import type { QuarantineItem } from "../../http/services.ts";
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type BaseContext, type CommandHandler, type ExitCode, print, UsageError } from "../context.ts";
import { table } from "../table.ts";

export interface ListOptions extends ApiOptions {
  readonly reason?: string;
  readonly device?: string;
}

export const listQuarantine: CommandHandler<ListOptions> = async (context) => {
  const { reason, device } = context.options;
  const items = await new ApiClient(context).list<QuarantineItem>("/api/v1/quarantine", { reason, device });
  const rows = items.map((item) => [
    String(item.id),
    item.receivedAt,
    item.deviceId,
    item.reason,
    `${item.sizeBytes} B`,
    item.source,
    item.detail,
  ]);
  print(context, items, table(["ID", "RECEIVED", "DEVICE", "REASON", "SIZE", "SOURCE", "DETAIL"], rows));
  return 0;
};

export const releaseQuarantine: CommandHandler<ApiOptions> = (context) => {
  const client = new ApiClient(context);
  return forEach(context, async (id) => {
    const { leafIndex } = await client.call<{ leafIndex: number }>("POST", `/api/v1/quarantine/${id}/release`);
    return { result: "released", leafIndex };
  });
};

export const removeQuarantine: CommandHandler<ApiOptions & { readonly yes?: boolean }> = (context) => {
  if (!context.options.yes) throw new UsageError("removed messages cannot be brought back; add --yes");
  const client = new ApiClient(context);
  return forEach(context, async (id) => {
    await client.call("DELETE", `/api/v1/quarantine/${id}`);
    return { result: "removed" };
  });
};

interface Decision {
  readonly result: "released" | "removed" | "failed";
  readonly leafIndex?: number;
  readonly code?: string;
  readonly detail?: string;
}

/** One refusal does not keep the others from their decision. */
async function forEach(context: BaseContext, decide: (id: string) => Promise<Decision>): Promise<ExitCode> {
  const strange = context.args.find((id) => !/^\d{1,16}$/.test(id));
  if (strange !== undefined) throw new UsageError(`"${strange}" is not the number of a quarantined message`);
  const decisions: (Decision & { readonly id: number })[] = [];
  for (const id of context.args) {
    const decision = await decide(id).catch((error: unknown): Decision => {
      if (!(error instanceof GatewayError) || error.code === "GATEWAY_UNREACHABLE") throw error;
      return { result: "failed", code: error.code, detail: error.message };
    });
    decisions.push({ id: Number(id), ...decision });
  }
  const rows = decisions.map(({ id, result, leafIndex, code, detail }) => [
    String(id),
    result,
    result === "released" ? `leaf ${leafIndex}` : result === "failed" ? `${detail} (${code})` : "",
  ]);
  print(context, decisions, table(["ID", "RESULT", "DETAIL"], rows));
  return decisions.some(({ result }) => result === "failed") ? 1 : 0;
}
