import { Schema } from "effect"

/** A variable as the tables have it: how it is decoded, and how `docs/configuration.md` tells of it. Descriptions are Markdown. */
export interface Variable<out A> {
  readonly name: string
  readonly schema: Schema.Decoder<A>
  /** What holds where the variable is unset, or set wrong while other faults are looked for. */
  readonly fallback: A
  /** The fallback as the documentation shows it. */
  readonly shown: string
  readonly description: string
}

export const optional = <A>(
  name: string,
  schema: Schema.Decoder<A>,
  description: string,
  shown = "none"
): Variable<A | undefined> => ({ name, schema, fallback: undefined, shown, description })

export const withDefault = <A>(
  name: string,
  schema: Schema.Decoder<A>,
  text: string,
  description: string
): Variable<A> => ({
  name,
  schema,
  fallback: Schema.decodeSync(schema)(text),
  shown: `\`${text}\``,
  description
})

export const listed = <A>(
  name: string,
  schema: Schema.Decoder<ReadonlyArray<A>>,
  description: string,
  shown = "none"
): Variable<ReadonlyArray<A>> => ({ name, schema, fallback: [], shown, description })
