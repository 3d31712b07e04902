import { type Schema, SchemaIssue } from "effect"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a schema found wrong first, for the caller's eyes: the message, and the path the way OpenAI writes one. */
export const firstFault = (
  error: Schema.SchemaError
): { readonly message: string; readonly path: string | undefined } => {
  const [issue] = format(error.issue).issues
  return { message: issue?.message ?? "The value is not of the expected shape", path: pathOf(issue?.path) }
}

/** `messages[0].content` */
const pathOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined): string | undefined => {
  if (path === undefined || path.length === 0) return undefined
  let text = ""
  for (const segment of path) {
    const key = String(typeof segment === "object" ? segment.key : segment)
    if (/^\d+$/.test(key)) text += `[${key}]`
    else text += text === "" ? key : `.${key}`
  }
  return text
}
