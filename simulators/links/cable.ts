/**
 * A cable with a board at its end: a pseudo-terminal, by a helper process, since Node has none of its own. python3 can
 * also tell when the gateway has read everything; with socat alone the cable is never pulled.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Prints the slave's name, and a line once somebody has opened it; passes bytes between the master and its own stdin and
 * stdout; when stdin ends, it ends too, once all has been read.
 */
const script = `
import array, fcntl, os, pty, select, sys, termios, time, tty
master, slave = pty.openpty()
name = os.ttyname(slave)
tty.setraw(slave)
os.close(slave)
os.write(2, name.encode() + b"\\n")
poll = select.poll()
poll.register(master, 0)
while poll.poll(0) and os.getppid() != 1:
    time.sleep(0.01)
os.write(2, b"open\\n")
slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
while True:
    for fd in select.select([0, master], [], [])[0]:
        data = os.read(fd, 65536)
        if not data:
            unread = array.array("i", [1])
            while unread[0] and os.getppid() != 1:
                time.sleep(0.005)
                fcntl.ioctl(slave, termios.FIONREAD, unread)
            sys.exit()
        out = master if fd == 0 else 1
        while data:
            data = data[os.write(out, data):]
`;

/** Whoever opens a port throws away what came before; this long after it was seen to be open that is over. */
const openingMs = 200;

export class CableTool extends Error {}

/** Whether cables can be laid here, and if not what is missing. */
export function cableTool(): "python3" | "socat" | undefined {
  return (["python3", "socat"] as const).find(isOnPath);
}

export class Cable {
  readonly #path: string;
  readonly #child: ChildProcess;
  readonly canBePulled: boolean;
  /** Somebody listens at the other end. */
  isOpen = false;
  /** Resolves when it is. */
  readonly opened: Promise<void>;

  private constructor(path: string, child: ChildProcess, canBePulled: boolean) {
    this.#path = path;
    this.#child = child;
    this.canBePulled = canBePulled;
    this.opened = (canBePulled ? once(child.stderr!, "data") : Promise.resolve([])).then(async () => {
      await new Promise((resolve) => setTimeout(resolve, openingMs));
      this.isOpen = true;
    });
  }

  /** @param path where the gateway finds it @throws CableTool where there is no tool for it */
  static async lay(path: string, onData: (chunk: Buffer) => void): Promise<Cable> {
    const tool = cableTool();
    if (!tool) throw new CableTool("a simulated serial port needs python3 or socat: install one of them");
    rmSync(path, { force: true });
    const child =
      tool === "python3"
        ? spawn("python3", ["-c", script], { stdio: ["pipe", "pipe", "pipe"] })
        : spawn("socat", ["-", `pty,raw,echo=0,link=${path}`], { stdio: ["pipe", "pipe", "ignore"] });
    child.stdin!.on("error", () => {});
    child.stdout!.on("data", onData);
    if (tool === "python3") {
      const [line] = (await once(child.stderr!, "data")) as [Buffer];
      symlinkSync(line.toString().trim(), path);
    } else {
      while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return new Cable(path, child, tool === "python3");
  }

  write(bytes: Uint8Array): void {
    this.#child.stdin!.write(bytes);
  }

  /** Pull it, once the gateway has read what was sent. */
  async pull(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.stdin!.end();
    await gone;
    rmSync(this.#path, { force: true });
  }
}

function isOnPath(tool: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
