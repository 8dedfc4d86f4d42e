/** One command by a link, as the command desk sends it. */
import type { CommandLink } from "../../gateway/commands/command-link.ts";
import type { CommandAnswer, Instruction } from "../../src/commands/command.ts";
import { GatewayError } from "../../src/errors.ts";

let ids = 0;

/** @param timeoutMs until it expires, and again from when it leaves */
export async function sendBy(
  link: CommandLink,
  deviceId: string,
  instruction: Instruction,
  timeoutMs: number,
  id = `c-${++ids}`,
): Promise<CommandAnswer> {
  link.check(deviceId, instruction);
  const abort = new AbortController();
  const end = (code: "COMMAND_EXPIRED" | "COMMAND_TIMEOUT") => (): void =>
    abort.abort(new GatewayError(code, `${timeoutMs} ms are over`));
  let timer = setTimeout(end("COMMAND_EXPIRED"), timeoutMs);
  const leaving = async (): Promise<void> => {
    clearTimeout(timer);
    await new Promise((resolve) => setImmediate(resolve));
    timer = setTimeout(end("COMMAND_TIMEOUT"), timeoutMs);
  };
  const { signal } = abort;
  try {
    return await link.send({ ...instruction, id, deviceId, expiresMs: Date.now() + timeoutMs, signal, leaving });
  } finally {
    clearTimeout(timer);
  }
}
