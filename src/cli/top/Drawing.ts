import { flow, table } from "./Layout.ts"
import { clip, type Line, piece, type Tone } from "./Line.ts"
import { amount, clock, mebibytes, money, percent, rate, span } from "./Quantities.ts"
import type { Quantiles } from "./Quantiles.ts"
import type { CostView, LimitView, ProviderView, View } from "./View.ts"

/** What there is to show. */
export interface Scene {
  readonly url: string
  /** The last one, also where the gateway is away now. */
  readonly view: View | undefined
  /** Why nothing newer is known. */
  readonly trouble: string | undefined
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** The whole screen, no line of which is wider, and no more of which there are, than the terminal has. */
export const draw = ({ trouble, url, view }: Scene, { columns, rows }: Size): ReadonlyArray<Line> => {
  const lines: ReadonlyArray<Line> = [
    ...flow([piece(`XRouter ${url}  `, "strong")], heading(view), columns),
    ...(trouble === undefined ? [] : [[piece(trouble, "bad")]]),
    ...(view === undefined ? [] : [[], ...summary(view, columns), ...providerTable(view, columns)]),
    ...(view === undefined ? [] : limitTable(view.limits, columns))
  ].map((line) => clip(line, columns))
  if (lines.length <= rows) return lines
  const shown = lines.slice(0, Math.max(0, rows - 1))
  return rows < 1 ? [] : [...shown, clip([piece(`… ${lines.length - shown.length} more lines`, "faint")], columns)]
}

const heading = (view: View | undefined): ReadonlyArray<Line> =>
  view === undefined
    ? []
    : [
        [piece(view.status, tones[view.status])],
        [piece(`running for ${span(view.runningFor)}`)],
        [piece(`${clock(view.at)} UTC`, "faint")],
        [
          piece(
            view.lately === undefined ? "rates with the next look" : `rates over ${span(view.lately.seconds)}`,
            "faint"
          )
        ]
      ]

const summary = (view: View, columns: number): ReadonlyArray<Line> => {
  const { lately } = view
  const fault = (name: string, by: keyof NonNullable<typeof lately>["faults"], tone: Tone) => {
    const faults = lately?.faults[by]
    return [piece(`${name} `), piece(rate(faults), faults !== undefined && faults > 0 ? tone : undefined)]
  }
  const items = (name: string, ...told: ReadonlyArray<Line>) => flow([piece(name.padEnd(14), "faint")], told, columns)
  return [
    ...items(
      "Requests",
      [piece(rate(lately?.requests))],
      [piece("failed "), piece(percent(lately?.errorShare), toneOfShare(lately?.errorShare))],
      [piece(`clients left ${rate(lately?.disconnects)}`)]
    ),
    ...items(
      "Faults",
      fault("caller", "caller", "warn"),
      fault("policy", "policy", "warn"),
      fault("provider", "provider", "bad"),
      fault("us", "us", "bad")
    ),
    ...items("Active", [piece(`${view.activeRequests} requests`)], [piece(`${view.activeStreams} streams`)]),
    ...items("Whole answer", ...quantiles(lately?.duration)),
    ...items("First token", ...quantiles(lately?.firstToken)),
    ...items("Our share", ...quantiles(lately?.overhead)),
    ...items("Tokens", [piece(`in ${rate(lately?.inputTokens)}`)], [piece(`out ${rate(lately?.outputTokens)}`)]),
    ...(view.costs.length === 0 ? [] : items("Cost", ...view.costs.flatMap(costOf))),
    ...items(
      "Stores",
      component("database", view.database, view.degraded.includes("database")),
      component("redis", view.redis, view.degraded.includes("redis")),
      [piece("usage pending "), piece(amount(view.usagePending), view.usagePending > 0 ? "warn" : undefined)],
      [piece(`revocations known ${span(view.revocationLag)} ago`, view.revocationLag > 30 ? "bad" : undefined)]
    ),
    ...items(
      "Process",
      [piece(`processor ${percent(lately?.processor)}`)],
      [piece(`event loop late ${span(view.eventLoopLag)}`, view.eventLoopLag > 0.1 ? "warn" : undefined)],
      [piece(`memory ${mebibytes(view.residentBytes)}`)],
      [piece(`sockets ${amount(view.openSockets)}`)]
    )
  ]
}

const quantiles = (of: Quantiles | undefined): ReadonlyArray<Line> => [
  [piece(`p50 ${span(of?.p50)}`)],
  [piece(`p95 ${span(of?.p95)}`)]
]

const costOf = ({ amount, currency, lately }: CostView): ReadonlyArray<Line> => [
  [piece(`${money(lately === undefined ? undefined : lately * 3600, currency)} an hour`)],
  [piece(`${money(amount, currency)} since the start`, "faint")]
]

const component = (name: string, status: View["database"], isDegraded: boolean): Line => [
  piece(`${name} `),
  isDegraded ? piece(`${status}, worked around`, "bad") : piece(status, tones[status])
]

const tones = {
  up: "good",
  operational: "good",
  degraded: "warn",
  down: "bad",
  off: "faint"
} as const satisfies Record<string, Tone>

const toneOfShare = (share: number | undefined): Tone | undefined =>
  share === undefined || share === 0 ? undefined : share < 0.05 ? "warn" : "bad"

const providerTable = ({ providers }: View, columns: number): ReadonlyArray<Line> =>
  table(
    ["PROVIDER", "STATE", "CIRCUIT", "REQUESTS", "FAILED", "P50", "P95", "FIRST P50", "FIRST P95", "TOKENS OUT"],
    providers.map(({ isCircuitOpen, lately, name, state }: ProviderView) => [
      piece(name),
      piece(state, tones[state]),
      isCircuitOpen ? piece("open", "bad") : piece("closed"),
      piece(rate(lately?.requests)),
      piece(percent(lately?.errorShare), toneOfShare(lately?.errorShare)),
      piece(span(lately?.duration?.p50)),
      piece(span(lately?.duration?.p95)),
      piece(span(lately?.firstToken?.p50)),
      piece(span(lately?.firstToken?.p95)),
      piece(rate(lately?.outputTokens))
    ]),
    columns
  )

const limitTable = (limits: ReadonlyArray<LimitView>, columns: number): ReadonlyArray<Line> =>
  table(
    ["LIMIT HIT", "REFUSED", "SINCE THE START"],
    limits.map(({ lately, reason, refused }) => [
      piece(reason),
      piece(rate(lately), lately !== undefined && lately > 0 ? "warn" : undefined),
      piece(amount(refused))
    ]),
    columns
  )
