/** Who a client is: its certificate, else user name and password, else nobody where that is allowed. */
import { readFileSync } from "node:fs";
import type { PeerCertificate } from "node:tls";
import { GatewayError } from "../../../src/errors.ts";
import { isDeviceId } from "../../../src/mqtt/device-topics.ts";
import { allowsAnonymous, type MqttConfig } from "./config.ts";
import type { Principal } from "./connection.ts";
import { equalSecrets, PasswordChecker, parsePasswordHash } from "./passwords.ts";

/** CONNACK return codes, MQTT 3.1.1 §3.2.2.3. */
export const connackCode = {
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;
export type ConnackCode = (typeof connackCode)[keyof typeof connackCode];

export interface Credentials {
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  /** Of a TLS client whose certificate was verified. */
  readonly certificate: PeerCertificate | undefined;
}

type User = MqttConfig["users"][number];
type CheckPassword = (password: Uint8Array) => boolean | Promise<boolean | undefined>;

const anonymous: Principal = { kind: "anonymous", name: "", deviceId: undefined };
const adminName = "admin";

export class Authenticator {
  readonly #users = new Map<string, { readonly principal: Principal; readonly check: CheckPassword }>();
  readonly #anonymous: boolean;
  readonly #hasUsers: boolean;
  readonly #passwords = new PasswordChecker();

  /**
   * @param adminToken password of the user `admin`; undefined turns that user off
   * @throws GatewayError CONFIG_INVALID for users that contradict each other or have no password that can be checked
   */
  constructor(config: MqttConfig, adminToken: string | undefined) {
    this.#anonymous = allowsAnonymous(config);
    this.#hasUsers = config.users.length > 0;
    if (adminToken !== undefined) {
      const token = Buffer.from(adminToken);
      this.#users.set(adminName, {
        principal: person("operator", adminName),
        check: (password) => equalSecrets(password, token),
      });
    }
    for (const user of config.users) {
      if (this.#users.has(user.name) || user.name === adminName)
        throw invalid(user, "is named twice or taken by the gateway");
      this.#users.set(user.name, { principal: principalOf(user), check: this.#checkOf(user) });
    }
  }

  async authenticate({ userName, password, certificate }: Credentials): Promise<Principal | ConnackCode> {
    if (certificate) {
      const deviceId = certifiedDevice(certificate);
      return deviceId === undefined ? connackCode.notAuthorized : { kind: "device", name: deviceId, deviceId };
    }
    if (userName === undefined) return this.#anonymous ? anonymous : connackCode.notAuthorized;
    const user = this.#users.get(userName);
    // Field devices give a conventional user name to a broker that knows no users; there it means nothing.
    if (!user) return this.#anonymous && !this.#hasUsers ? anonymous : connackCode.badUserNameOrPassword;
    const verdict = await user.check(password ?? new Uint8Array());
    if (verdict === undefined) return connackCode.serverUnavailable;
    return verdict ? user.principal : connackCode.badUserNameOrPassword;
  }

  #checkOf(user: User): CheckPassword {
    const { passwordHash, passwordFile } = user;
    if ((passwordHash === undefined) === (passwordFile === undefined)) {
      throw invalid(user, "needs either passwordHash or passwordFile");
    }
    if (passwordHash !== undefined) {
      const hash = parsePasswordHash(passwordHash);
      if (!hash) throw invalid(user, "has a passwordHash that cannot be checked");
      return (password) => this.#passwords.check(hash, password);
    }
    const expected = Buffer.from(secretIn(passwordFile!, user));
    return (password) => equalSecrets(password, expected);
  }
}

function principalOf(user: User): Principal {
  const { name, role } = user;
  if (role !== "device") return person(role, name);
  if (!isDeviceId(name)) throw invalid(user, "has the role device, but its name is no device id");
  return { kind: role, name, deviceId: name };
}

function person(kind: "relay" | "operator" | "viewer", name: string): Principal {
  return { kind, name, deviceId: undefined };
}

function secretIn(path: string, user: User): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new GatewayError("CONFIG_INVALID", `mqtt.users: the password file of ${user.name} cannot be read`, { cause });
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw invalid(user, "has an empty password file");
  return secret;
}

/** The common name, or else the first DNS name, that is a device id. */
function certifiedDevice({ subject, subjectaltname = "" }: Partial<PeerCertificate>): string | undefined {
  const dnsNames = subjectaltname.split(", ").flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4)] : []));
  return [subject?.CN, ...dnsNames].flat().find((name) => name !== undefined && isDeviceId(name));
}

function invalid({ name }: User, what: string): GatewayError {
  return new GatewayError("CONFIG_INVALID", `mqtt.users: ${name} ${what}`);
}
