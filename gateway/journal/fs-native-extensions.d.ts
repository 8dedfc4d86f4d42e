declare module "fs-native-extensions" {
  /** Exclusive kernel lock on a writable open file, gone when its last descriptor closes. False while another holds it. */
  export function tryLock(descriptor: number): boolean;
}
