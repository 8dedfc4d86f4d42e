/** What a command needs of its process; tests hand in their own. */
export interface Io {
  /** Results; bytes where the result is a file. */
  readonly out: (result: string | Uint8Array) => void;
  /** Progress and errors. */
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Someone is watching stderr, so a progress bar makes sense. */
  readonly errIsTerminal: boolean;
  readonly readStdin: () => Promise<string>;
}

export function processIo(): Io {
  // A reader that has seen enough, as `| head` has, is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    out: (result) => void process.stdout.write(result),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    errIsTerminal: process.stderr.isTTY === true,
    async readStdin() {
      let text = "";
      for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
      return text;
    },
  };
}
