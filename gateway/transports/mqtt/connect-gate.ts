/** What a CONNECT has to pass: MQTT 3.1.1 §3.1 where aedes leaves it to us, identity, and who may use which client identifier. */
import type { AuthenticateError, ConnectPacket } from "aedes";
import type { Logger } from "pino";
import type { TopicRules } from "../../../src/mqtt/topic-rules.ts";
import { isTopicName } from "../../../src/mqtt/topics.ts";
import type { WillPacket } from "./aedes-internals.ts";
import { type Authenticator, type ConnackCode, connackCode } from "./authenticator.ts";
import type { MqttConfig } from "./config.ts";
import type { Connection, Principal } from "./connection.ts";
import type { SessionStore } from "./session-store.ts";

export interface ConnectGateOptions {
  readonly config: MqttConfig;
  readonly authenticator: Authenticator;
  readonly rules: TopicRules;
  readonly store: SessionStore;
  /** Who is connected under a client identifier now. */
  readonly holder: (clientId: string) => Principal | undefined;
  readonly onRefused: () => void;
  readonly onSignIn: (name: string) => void;
  readonly onSignInRefused: () => void;
  readonly log: Logger;
}

export class ConnectGate {
  readonly #options: ConnectGateOptions;

  constructor(options: ConnectGateOptions) {
    this.#options = options;
  }

  /** aedes' `preConnect`: a protocol error closes the connection without CONNACK (MQTT-3.1.4-1). */
  inspect(connection: Connection, packet: ConnectPacket, done: (error: Error | null, isSound: boolean) => void): void {
    const problem = protocolError(packet);
    if (problem) {
      done(new Error(problem), false);
      return;
    }
    const { clientId, clean, will } = packet;
    connection.cleanSession = clean ?? true;
    connection.requested = { clientId, willTopic: will?.topic };
    if (will) (will as WillPacket).transport = connection.transport;
    done(null, true);
  }

  /** aedes' `authenticate`. */
  admit(
    connection: Connection,
    userName: string | undefined,
    password: Uint8Array | undefined,
    done: (error: AuthenticateError | null, isAdmitted: boolean | null) => void,
  ): void {
    const { certificate } = connection;
    this.#options.authenticator
      .authenticate({ userName, password, certificate })
      .then((identity) => (typeof identity === "number" ? identity : this.#judge(connection, identity)))
      .catch((err: Error): ConnackCode => {
        this.#options.log.error({ err }, "MQTT client not authenticated");
        return connackCode.serverUnavailable;
      })
      .then((refusal) => {
        if (refusal === undefined) {
          const { principal } = connection;
          if (principal?.kind === "operator" || principal?.kind === "viewer") this.#options.onSignIn(principal.name);
          done(null, true);
          return;
        }
        if (refusal === connackCode.badUserNameOrPassword) this.#options.onSignInRefused();
        this.#options.onRefused();
        done(Object.assign(new Error(`CONNECT refused with code ${refusal}`), { returnCode: refusal as number }), null);
      });
  }

  #judge(connection: Connection, principal: Principal): ConnackCode | undefined {
    const { config, rules, store, holder } = this.#options;
    // Gone while its password was checked; nothing may be opened for it.
    if (connection.isClosed) return undefined;
    const { requested, cleanSession } = connection;
    const { clientId, willTopic } = requested!;
    if (clientId.length > config.limits.clientIdLength) return connackCode.identifierRejected;
    // MQTT-3.1.3-8: without an identifier there is no session to continue.
    if (clientId === "" && !cleanSession) return connackCode.identifierRejected;
    if (config.requireClientIdMatch && principal.kind === "device" && clientId !== principal.deviceId)
      return connackCode.identifierRejected;
    // Neither the session nor the connection of somebody else can be taken over by using its identifier.
    const owner = ownerName(principal);
    const current = holder(clientId);
    if ((current && ownerName(current) !== owner) || store.isTaken(clientId, owner))
      return connackCode.identifierRejected;
    if (willTopic !== undefined && !rules.mayPublish(principal, willTopic)) return connackCode.notAuthorized;
    if (!cleanSession && !store.admit(clientId, owner)) return connackCode.serverUnavailable;
    connection.principal = principal;
    return undefined;
  }
}

function ownerName({ kind, name }: Principal): string {
  return `${kind}:${name}`;
}

/** What the parser lets pass and MQTT 3.1.1 forbids: a password alone (MQTT-3.1.2-22), a will to no topic name. */
function protocolError({ username, password, will, clientId }: ConnectPacket): string | undefined {
  if (password !== undefined && username === undefined) return "password without user name";
  if (will && !isTopicName(will.topic)) return "the will topic is not a topic name";
  if (clientId.includes("\0")) return "the client identifier holds U+0000";
  return undefined;
}
