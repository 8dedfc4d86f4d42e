/**
 * CBOR for signed structures: RFC 8949 §4.2.1 core deterministic encoding of integers, strings, arrays, maps, booleans
 * and null. One value has one encoding and any other encoding is refused, so a hash or signature over received bytes
 * says the same as one over the value. No floats; tags only where the caller names them.
 */
export { decodeCbor } from "./cbor-reader.ts";
export { type CborKey, CborTag, type CborValue } from "./cbor-value.ts";
export { encodeCbor } from "./cbor-writer.ts";
