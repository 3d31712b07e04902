import { styleText } from "node:util"
import { Formatter } from "effect"

/** One line of the log, before it has a form. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly level: LogLevel
  readonly message: string
  /** Scalars stand as they are, everything else as Effect formats it: secrets that are `Redacted` stay so, at any depth. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Errors with their stacks and causes, over several lines. */
  readonly cause?: string | undefined
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal"

/** A line of one JSON object: `ts`, `level`, `message`, then the fields, then `cause`. */
export const toJson = ({ at, cause, fields, level, message }: LogLine): string => {
  let json = `{"ts":"${new Date(at).toISOString()}","level":"${level}","message":${quote(clip(message))}`
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) json += `,${quote(reserved.has(key) ? `${key}_` : key)}:${jsonValue(value)}`
  }
  if (cause !== undefined) json += `,"cause":${quote(clip(cause))}`
  return `${json}}`
}

/** A line for a person at a terminal; only a cause goes over several. Colours where the terminal has them. */
export const toPretty = ({ at, cause, fields, level, message }: LogLine): string => {
  const colour = colours[level]
  let text = `${styleText("gray", localTime(at))} ${styleText(colour, level.toUpperCase().padEnd(5))} ${escapeControls(clip(message))}`
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${styleText("gray", `${escapeControls(key)}=`)}${prettyValue(value)}`
  }
  if (cause !== undefined) {
    for (const line of clip(cause).split("\n")) text += `\n  ${styleText(colour, escapeControls(line))}`
  }
  return text
}

/**
 * A JSON string in which nothing acts on a terminal or breaks a line: JSON itself leaves DEL, the C1 controls and the
 * Unicode line separators as they are.
 */
export const quote = (text: string): string => (plain.test(text) ? `"${text}"` : escapeControls(JSON.stringify(text)))

/** What needs no escape and no look at each character: ids, names, routes. */
const plain = /^[\w.:/@+-]+$/
const controls = /[\p{Cc}\p{Zl}\p{Zp}]/gu

const escapeControls = (text: string): string =>
  text.replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`)

const reserved: ReadonlySet<string> = new Set(["ts", "level", "message", "cause"])

/** Characters of one text; what is longer was not written for a log. */
const longest = 32_768

const clip = (text: string): string =>
  text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length - longest} more characters)`

const jsonValue = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return quote(clip(value))
    case "boolean":
      return String(value)
    case "number":
      return Number.isFinite(value) ? String(value) : "null"
    default:
      return value === null ? "null" : quote(clip(Formatter.format(value)))
  }
}

const prettyValue = (value: unknown): string => {
  const text = typeof value === "string" ? clip(value) : clip(Formatter.format(value))
  return typeof value !== "string" || plain.test(text) ? escapeControls(text) : quote(text)
}

const colours = {
  trace: "gray",
  debug: "blue",
  info: "green",
  warn: "yellow",
  error: "red",
  fatal: "red"
} as const satisfies Record<LogLevel, string>

const localTime = (at: number): string => {
  const date = new Date(at)
  const two = (number: number) => String(number).padStart(2, "0")
  const millis = String(date.getMilliseconds()).padStart(3, "0")
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}
