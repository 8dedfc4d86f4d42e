/** A bad message is an everyday event: it is returned as data, never thrown. */
export type Result<T, R extends string> = { readonly ok: true; readonly value: T } | Refusal<R>;

export interface Refusal<R extends string> {
  readonly ok: false;
  readonly reject: R;
  /** What was wrong, for people. Constant text plus numbers; never payload bytes. */
  readonly detail: string;
}

export function accept<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refuse<R extends string>(reject: R, detail: string): Refusal<R> {
  return { ok: false, reject, detail };
}
