/** A schema's verdict on a value, said for the person who wrote the value. */
import type { TSchema } from "typebox";
import { Errors } from "typebox/schema";
import { Settings } from "typebox/system";
import { didYouMean } from "./did-you-mean.ts";

// TypeBox stops at 8: too few for `config check`, which lists everything.
Settings.Set({ maxErrors: 1_000 });

/** What we read back from a TypeBox schema: JSON Schema plus our own annotations. */
export interface SchemaView {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaView[];
  readonly items?: SchemaView;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaView>>;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Unit of the value, for the reference page. */
  readonly unit?: string;
  /** Masked wherever it is shown, and readable from a file by `…_FILE`. */
  readonly secret?: boolean;
  /** A change takes effect at the next start. */
  readonly restart?: boolean;
}

export interface SchemaProblem {
  readonly path: readonly string[];
  /** Never the value itself: it may be a secret. */
  readonly message: string;
}

type SchemaError = ReturnType<typeof Errors>[1][number];

export function schemaProblems(schema: TSchema, value: unknown): SchemaProblem[] {
  const [, errors] = Errors(schema, value);
  // What each branch of a union missed, and the `false` schema behind every unknown key, only repeat their parent.
  const unions = errors.filter(({ keyword }) => keyword === "anyOf").map(({ schemaPath }) => `${schemaPath}/anyOf/`);
  const isTelling = ({ keyword, schemaPath }: SchemaError): boolean =>
    keyword !== "boolean" && !unions.some((union) => schemaPath.startsWith(union));
  return errors.filter(isTelling).flatMap((error): SchemaProblem[] => {
    const path = error.instancePath.split("/").slice(1);
    const view = viewAt(schema as SchemaView, path);
    if (error.keyword === "additionalProperties") {
      const known = Object.keys(view?.properties ?? {});
      return error.params.additionalProperties.map((key) => ({
        path: [...path, key],
        message: `is unknown${didYouMean(key, known)}`,
      }));
    }
    if (error.keyword === "required") {
      return error.params.requiredProperties.map((key) => ({ path: [...path, key], message: "is missing" }));
    }
    return [{ path, message: message(error, view, path, value) }];
  });
}

function viewAt(schema: SchemaView, path: readonly string[]): SchemaView | undefined {
  return path.reduce<SchemaView | undefined>(
    (view, key) => (/^\d+$/.test(key) ? view?.items : view?.properties?.[key]),
    schema,
  );
}

function message(error: SchemaError, view: SchemaView | undefined, path: readonly string[], value: unknown): string {
  if (error.keyword === "enum") {
    const found = path.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], value);
    const allowed = error.params.allowedValues.map(String);
    return `must be one of ${allowed.join(", ")}${typeof found === "string" ? didYouMean(found, allowed) : ""}`;
  }
  const isForm = error.keyword === "anyOf" || error.keyword === "pattern";
  return isForm && view?.description ? `does not fit: ${view.description}` : error.message;
}
