/** The one door of the verifier page: what a browser gets of this project. */
export { explainDirectory } from "./explain-directory.ts";
export { explainProof } from "./explain-proof.ts";
