/** Passwords at rest: `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

const cost = { N: 16_384, r: 8, p: 1 };
const saltBytes = 16;
const hashBytes = 32;
/** A hash in the configuration may cost at most this much memory to check: 128·N·r bytes. */
const maxMemoryBytes = 64 * 1024 * 1024;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(Buffer.from(password), salt, hashBytes, cost);
  return ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64"), hash.toString("base64")].join("$");
}

/** Equal without telling by its duration where the first difference is. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  // HMAC under a throw-away key makes both the same length, which timingSafeEqual asks for.
  const key = randomBytes(hashBytes);
  const digest = (secret: Uint8Array): Buffer => createHmac("sha256", key).update(secret).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Waiting checks at most; a flood of logins must not pile up behind the one that is computed. */
const maxWaiting = 512;

/**
 * Checks passwords one after the other: scrypt runs on the thread pool that also carries the journal's fsync, and
 * logins must never fill it. A password that was right is remembered by its HMAC, so that reconnecting devices cost
 * microseconds.
 */
export class PasswordChecker {
  readonly #key = randomBytes(hashBytes);
  readonly #right = new Map<string, Buffer>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @returns undefined where too many checks wait already */
  async check(stored: string, password: Uint8Array): Promise<boolean | undefined> {
    const digest = createHmac("sha256", this.#key).update(password).digest();
    const right = this.#right.get(stored);
    if (right && timingSafeEqual(right, digest)) return true;
    if (this.#waiting >= maxWaiting) return undefined;
    this.#waiting++;
    const verdict = this.#last.then(() => matches(stored, password));
    this.#last = verdict.catch(() => false);
    try {
      const matched = await verdict;
      if (matched) this.#right.set(stored, digest);
      return matched;
    } finally {
      this.#waiting--;
    }
  }
}

/** @throws RangeError where the stored text is no hash of ours */
async function matches(stored: string, password: Uint8Array): Promise<boolean> {
  const [scheme, N, r, p, salt, hash] = stored.split("$");
  const expected = Buffer.from(hash ?? "", "base64");
  if (scheme !== "scrypt" || expected.length < saltBytes) throw new RangeError("not a scrypt password hash");
  const options = { N: Number(N), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt ?? "", "base64"), expected.length, options);
  return timingSafeEqual(actual, expected);
}

function derive(password: Uint8Array, salt: Uint8Array, length: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { ...options, maxmem: maxMemoryBytes }, (error, hash) =>
      error ? reject(error) : resolve(hash),
    );
  });
}
