/** The one command that may be open on a port, and which frame answers it. wire-facts §4.1–§4.3. */
import { mdpEndpoints } from "../../protocol/spec.ts";
import type { MdpPacket } from "../codec/mdp.ts";
import type { CommandResult, SerialMessage } from "../serial/dialect.ts";

export class CommandSlot {
  /** Side-B said that it passed the command on, which is not yet an answer. */
  passedOn = false;
  #open: { readonly seq: number; readonly cmd: string } | undefined;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  open(seq: number, cmd: string): void {
    this.#open = { seq, cmd };
    this.passedOn = false;
  }

  close(): void {
    this.#open = undefined;
  }

  /** @returns the verdict, if this message is the answer to the open command; the slot is free then */
  answer({ seq, ack, src }: MdpPacket, { hello, result }: SerialMessage): CommandResult | undefined {
    const open = this.#open;
    // A peer names the command in `ack`, or repeats its number in `seq`; where `ack` names another one, it is not ours.
    if (!open || !(ack === open.seq || (ack === 0 && seq === open.seq))) return undefined;
    // `hello` is answered by a HELLO and by no ACK.
    const verdict = open.cmd === "hello" && hello && ack !== 0 ? { success: true, message: hello.firmware } : result;
    if (!verdict) return undefined;
    if (src !== mdpEndpoints.SIDE_A) {
      this.passedOn = true;
      return undefined;
    }
    this.close();
    return verdict;
  }
}
