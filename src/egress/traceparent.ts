/** https://www.w3.org/TR/trace-context/: a trace of its own for a request that belongs to none. */
export function newTraceparent(): string {
  const digits = crypto.randomUUID().replaceAll("-", "") + crypto.randomUUID().replaceAll("-", "");
  return `00-${digits.slice(0, 32)}-${digits.slice(32, 48)}-01`;
}
