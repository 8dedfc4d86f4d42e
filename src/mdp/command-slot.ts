/** The one command that may be open on a port, and which message answers it. wire-facts §3.6, §4.1–§4.3, §5.3 */
import { mdpEndpoints, mdpTypes } from "../../protocol/spec.ts";
import type { MdpPacket } from "../codec/mdp.ts";
import type { CommandAnswer } from "../commands/command.ts";
import type { FrameAnswer, LineAnswer } from "../commands/encoded.ts";
import type { CommandResult, SerialMessage } from "../serial/dialect.ts";

type Open = (FrameAnswer & { readonly seq: number; readonly dst: number }) | Extract<LineAnswer, { by: "word" }>;

export class CommandSlot {
  /** Side-B said that it passed the command on, which is not yet an answer. */
  passedOn = false;
  #open: Open | undefined;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  open(command: Open): void {
    this.#open = command;
    this.passedOn = false;
  }

  close(): void {
    this.#open = undefined;
  }

  /** @returns the verdict, if this message is the answer to the open command; the slot is free then */
  answer(packet: MdpPacket, message: SerialMessage): CommandAnswer | undefined {
    const open = this.#open;
    if (open?.by === "seq") return this.#bySeq(open, packet, message);
    if (open?.by !== "number" || message.result?.cmdId !== open.cmdId) return undefined;
    // Side-B puts its own address on what it hands on, so any sender will do.
    return this.#close(message.result);
  }

  /** @returns as `answer`, of a line */
  answerLine(result: CommandResult): CommandAnswer | undefined {
    const open = this.#open;
    // The firmware repeats the line's first words, by whatever it joins them.
    if (open?.by !== "word" || !(result.word ?? "").startsWith(open.word)) return undefined;
    const answer = this.#close(result);
    return open.isDelivery && result.success ? { ...answer, outcome: "delivered" } : answer;
  }

  #bySeq(
    open: Extract<Open, { by: "seq" }>,
    { type, seq, ack, src }: MdpPacket,
    { hello, result }: SerialMessage,
  ): CommandAnswer | undefined {
    // A peer names the command in `ack`, or repeats its number in `seq`; where `ack` names another one, it is not ours.
    if (!(ack === open.seq || (ack === 0 && seq === open.seq))) return undefined;
    // `hello` is answered by a HELLO and by no ACK.
    if (open.cmd === "hello" && hello && ack !== 0 && src === open.dst)
      return this.#close({ success: true, message: hello.firmware });
    // Side-B's status is an EVENT, as the one that it sends every 5 s, which answers nothing.
    if (open.dst === mdpEndpoints.SIDE_B && type === mdpTypes.EVENT && ack !== 0)
      return this.#close({ success: true, message: open.cmd });
    if (!result) return undefined;
    if (src !== open.dst) {
      this.passedOn = true;
      return undefined;
    }
    return this.#close(result);
  }

  #close({ success, message }: CommandResult): CommandAnswer {
    this.close();
    return { outcome: success ? "succeeded" : "failed", message };
  }
}
