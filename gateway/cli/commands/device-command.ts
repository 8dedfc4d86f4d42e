/** `mycogate device command …`: have a device do something, and see what came of it. */
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";
import { printable, table } from "../table.ts";
import { devicePath } from "./device.ts";

interface CommandView {
  readonly id: string;
  readonly deviceId: string;
  readonly cmd: string;
  readonly state: string;
  readonly message: string;
  readonly code: string | null;
  readonly link: string | null;
  readonly acceptedAt: string;
  readonly finishedAt: string | null;
}

export interface SendOptions extends ApiOptions {
  readonly params?: string;
  readonly id?: string;
  readonly timeout?: string;
  readonly expires?: string;
  readonly wait?: string;
}

/** Exit code 1 unless the device did it, or was at least given it where its kind never answers. */
export const sendCommand: CommandHandler<SendOptions> = async (context) => {
  const [deviceId, cmd] = context.args;
  const { params, id, timeout, expires, wait } = context.options;
  const body = {
    cmd,
    params: paramsOf(params),
    id,
    timeoutMs: millisecondsOf("--timeout", timeout),
    expiresInMs: millisecondsOf("--expires", expires),
    waitMs: millisecondsOf("--wait", wait),
  };
  const command = await new ApiClient(context).call<CommandView>("POST", `${devicePath(deviceId!)}/commands`, body);
  const { state, message, link } = command;
  const by = link === null ? "" : ` by ${link}`;
  print(context, command, `${command.id} ${state}${by}${message === "" ? "" : `: ${printable(message)}`}`);
  return state === "succeeded" || state === "delivered" ? 0 : 1;
};

export const listCommands: CommandHandler<ApiOptions> = async (context) => {
  const commands = await new ApiClient(context).list<CommandView>(`${devicePath(context.args[0]!)}/commands`);
  const rows = commands.map(({ id, cmd, state, link, acceptedAt, message }) => [
    id,
    cmd,
    state,
    link ?? "–",
    acceptedAt,
    message,
  ]);
  print(context, commands, table(["ID", "COMMAND", "STATE", "BY", "ACCEPTED", "MESSAGE"], rows));
  return 0;
};

function paramsOf(text = "{}"): object {
  try {
    const params: unknown = JSON.parse(text);
    if (typeof params === "object" && params !== null && !Array.isArray(params)) return params;
  } catch {
    // Told below.
  }
  throw new UsageError(`--params takes a JSON object, such as '{"rate_hz":1}'`);
}

function millisecondsOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} takes milliseconds`);
  return Number(text);
}
