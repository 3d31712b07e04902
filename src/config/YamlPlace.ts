/** Where a value stands in a file: `["models", "smart", "candidates", 0]`. */
export type Path = ReadonlyArray<string | number>

/** A character of private use, in place of what a variable that is not set would hold. */
export const unset = "\u{E003}"

/** True of a value that reads a variable which is not set. */
export const isUnset = (value: unknown): boolean => typeof value === "string" && value.includes(unset)
