/** What the caller sent does not fit: known by its name, as the loader's classes are its own. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
}
