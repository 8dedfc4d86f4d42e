/** Commands by way of a port session: what is to be sent as its board understands it, and the answer found among its messages. */
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import type { PortCommand } from "../../../src/commands/encoded.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { SpokenDialect } from "../../../src/serial/detector.ts";
import type { PortSession } from "../../../src/serial/port-session.ts";
import { type CommandOrder, orAborted } from "../../commands/command-link.ts";

export interface PortSpeech {
  readonly session: PortSession;
  /** Of the device, as the registry has it. */
  readonly role: string;
  /** What the device speaks, where the session serves several. */
  readonly speaks?: SpokenDialect | undefined;
}

/** Devices whose signed messages came by a port lately, and can be answered there. */
const maxSigners = 64;

export class PortCommands {
  readonly #signers = new Set<string>();
  #answered: ((answer: CommandAnswer) => void) | undefined;
  #failed: ((error: GatewayError) => void) | undefined;

  /** @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_UNKNOWN, REQUEST_INVALID */
  encode(instruction: Instruction, { session, role, speaks }: PortSpeech): PortCommand {
    // An id and a deadline take as many bytes as those of the command to come.
    const command = { id: "0".repeat(36), expiresMs: Number.MAX_SAFE_INTEGER, ...instruction };
    const encoded = session.encode(command, role, speaks ?? session.dialect);
    if (!encoded.ok) throw new GatewayError(encoded.reject, encoded.detail);
    return encoded.value;
  }

  /**
   * Send a command and wait for its answer. It is sent once, since boards carry out a repeated one again.
   * @param write rejects where the bytes must not leave
   */
  async send(
    order: CommandOrder,
    speech: PortSpeech,
    write: (wire: Uint8Array) => void | Promise<void>,
  ): Promise<CommandAnswer> {
    const { session } = speech;
    const command = this.encode(order, speech);
    const { wire, isAnswered } = session.open(command);
    const answered = new Promise<CommandAnswer>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
    // Whoever waits for it is below; until then a failure is nobody's.
    answered.catch(() => undefined);
    try {
      // Given up while the bytes wait for their turn, it must not close the slot of the next one later.
      await orAborted(Promise.resolve(write(wire)), order.signal);
      if (!isAnswered) return { outcome: "delivered", message: "this firmware does not say what came of it" };
      return await orAborted(answered, order.signal);
    } catch (error) {
      if (session.abandonCommand() && error instanceof GatewayError && error.code === "COMMAND_TIMEOUT")
        throw new GatewayError("COMMAND_TIMEOUT", `${error.message}; Side-B passed it on to Side-A`);
      throw error;
    } finally {
      session.abandonCommand();
      this.#answered = undefined;
      this.#failed = undefined;
    }
  }

  get isOpen(): boolean {
    return this.#answered !== undefined;
  }

  /** A signed message of a device came by the port, and was kept. */
  heardSigned(deviceId: string): void {
    if (this.#signers.has(deviceId)) return;
    if (this.#signers.size >= maxSigners) this.#signers.delete(this.#signers.values().next().value!);
    this.#signers.add(deviceId);
  }

  hasHeardSigned(deviceId: string): boolean {
    return this.#signers.has(deviceId);
  }

  answer(answer: CommandAnswer): void {
    this.#answered?.(answer);
  }

  /** The way to the board is gone, and with it the answer. */
  lost(error: GatewayError): void {
    this.#signers.clear();
    this.#failed?.(error);
  }
}
