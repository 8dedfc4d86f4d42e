import { cli } from "../../gateway/cli/cli.ts";

export interface CliResult {
  readonly code: number;
  /** Bytes as latin1. */
  readonly out: string;
  readonly err: string;
}

/** Run a command in this process, its output captured. @param env nothing of the real environment is seen */
export async function runCli(
  argv: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
  stdin = "",
): Promise<CliResult> {
  let out = "";
  let err = "";
  const code = await cli(argv, {
    out: (result) => {
      out += typeof result === "string" ? result : Buffer.from(result).toString("latin1");
    },
    err: (text) => {
      err += text;
    },
    env,
    cwd,
    errIsTerminal: false,
    readStdin: async () => stdin,
  });
  return { code, out, err };
}
