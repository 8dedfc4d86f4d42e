import { loadConfig } from "../../config/config.ts";
import { runGateway } from "../../run.ts";
import type { CommandHandler } from "../context.ts";

export interface RunOptions {
  readonly demo?: boolean;
}

/** `mycogate run`: the gateway itself, until it is told to stop. */
export const run: CommandHandler<RunOptions> = async ({ options, sources }) => {
  await runGateway(loadConfig(sources), { demo: options.demo === true });
  return 0;
};
