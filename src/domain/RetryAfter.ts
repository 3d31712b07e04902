type Headers = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** Milliseconds that the other side asks us to wait (`retry-after-ms`, `Retry-After` of RFC 9110 section 10.2.3). Names are in lower case. */
export const retryAfterMillis = (headers: Headers | undefined): number | undefined => {
  const header = (name: string): string | undefined => {
    const value = headers?.[name]
    return typeof value === "string" ? value.trim() : value?.[0]?.trim()
  }
  const day = 86_400_000
  const bounded = (millis: number) =>
    Number.isFinite(millis) && millis > 0 ? Math.min(Math.ceil(millis), day) : undefined
  const millis = header("retry-after-ms")
  if (millis !== undefined && millis !== "") return bounded(Number(millis))
  const after = header("retry-after")
  if (after === undefined || after === "") return undefined
  if (/^\d+(\.\d+)?$/.test(after)) return bounded(Number(after) * 1000)
  // A date counts from the other side's own clock, which its `Date` tells.
  return bounded(Date.parse(after) - Date.parse(header("date") ?? ""))
}
