/** Passwords at rest: `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

const keyBytes = 32;
/** A shorter hash would be matched by too many passwords. */
const minHashBytes = 16;
/** A check may take this much memory; scrypt needs 128·N·r bytes, and a little more. */
const maxMemoryBytes = 64 * 1024 * 1024;

export interface PasswordHash {
  readonly salt: Buffer;
  readonly hash: Buffer;
  readonly options: { readonly N: number; readonly r: number; readonly p: number };
}

/** Equal without telling by its duration where the first difference is. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  // HMAC under a throw-away key makes both the same length, which timingSafeEqual asks for.
  const key = randomBytes(keyBytes);
  const digest = (secret: Uint8Array): Buffer => createHmac("sha256", key).update(secret).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** @returns undefined for text that is no such hash, or one too costly to check */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/.exec(text);
  if (!match) return undefined;
  const [N, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, hash] = match.slice(4).map((base64) => Buffer.from(base64, "base64")) as [Buffer, Buffer];
  // RFC 7914 §2: N is a power of 2.
  const isComputable = N > 1 && Number.isInteger(Math.log2(N)) && r > 0 && p > 0 && 256 * N * r <= maxMemoryBytes;
  return isComputable && hash.length >= minHashBytes ? { salt, hash, options: { N, r, p } } : undefined;
}

/** Waiting checks at most; a flood of logins must not pile up behind the one that is computed. */
const maxWaiting = 512;

/**
 * Checks passwords one after the other: scrypt runs on the thread pool that also carries the journal's fsync, and
 * logins must never fill it. A password that was right is remembered by its HMAC, so that reconnecting devices cost
 * microseconds.
 */
export class PasswordChecker {
  readonly #key = randomBytes(keyBytes);
  readonly #right = new Map<PasswordHash, Buffer>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @returns undefined where too many checks wait already */
  async check(stored: PasswordHash, password: Uint8Array): Promise<boolean | undefined> {
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

async function matches({ salt, hash, options }: PasswordHash, password: Uint8Array): Promise<boolean> {
  return timingSafeEqual(await derive(password, salt, hash.length, options), hash);
}

function derive(password: Uint8Array, salt: Uint8Array, length: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { ...options, maxmem: maxMemoryBytes }, (error, hash) =>
      error ? reject(error) : resolve(hash),
    );
  });
}
