/** The part of a pino logger that the journal uses: facts as fields, constant text. */
export interface JournalLogger {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
