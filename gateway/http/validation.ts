/** Fastify's validation by the same checker as the configuration: strict bodies, text turned into numbers only in URLs. */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { GatewayError } from "../../src/errors.ts";
import { type SchemaView, schemaProblems } from "../../src/schema/problems.ts";
import { fromText } from "../config/from-text.ts";

/** A refusal must not be longer than what it refuses. */
const maxErrorsTold = 10;
const maxFieldLength = 100;

export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = "body" }) => {
  const properties = (schema as SchemaView).properties ?? {};
  /** Defaults put in, and text made what the schema asks for where text is all there can be. */
  const completed = (given: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const value = { ...given };
    for (const [key, property] of Object.entries(properties)) {
      const found = value[key];
      if (found === undefined && property.default !== undefined) value[key] = structuredClone(property.default);
      else if (httpPart !== "body" && typeof found === "string") value[key] = fromText(property, found);
    }
    return value;
  };
  return (given: unknown) => {
    // A request without a body is one that says nothing: what it lacks is then named field by field.
    const said = given ?? {};
    const value = isObject(said) ? completed(said) : said;
    const problems = schemaProblems(schema, value).slice(0, maxErrorsTold);
    const errors = problems.map(({ path, message }) => ({ field: path.join(".").slice(0, maxFieldLength), message }));
    return errors.length === 0 ? { value } : { error: invalid(httpPart, errors) };
  };
};

function invalid(httpPart: string, errors: readonly { field: string; message: string }[]): GatewayError {
  const { field, message } = errors[0]!;
  return new GatewayError("REQUEST_INVALID", `${field || httpPart} ${message}`, { details: { in: httpPart, errors } });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
