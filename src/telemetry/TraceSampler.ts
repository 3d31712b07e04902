import type { SamplerOptions } from "./TraceOptions.ts"
import type { TraceParent } from "./TraceParent.ts"

/** Whether a request is traced, by the id of its trace and, where the sampler says so, by what the caller has decided. */
export type TraceSampler = (traceId: string, parent: TraceParent | undefined) => boolean

const digits = 13

/** Every instance decides alike of one trace: by the last digits of its id, which are random (W3C Trace Context, level 2). */
const isInShare = (traceId: string, share: number): boolean =>
  Number.parseInt(traceId.slice(-digits), 16) / 16 ** digits >= 1 - share

const ofRoot = ({ name, share }: SamplerOptions): ((traceId: string) => boolean) => {
  if (name.endsWith("always_on")) return () => true
  if (name.endsWith("always_off")) return () => false
  return (traceId) => isInShare(traceId, share)
}

export const traceSampler = (options: SamplerOptions): TraceSampler => {
  const root = ofRoot(options)
  return options.name.startsWith("parentbased_") ? (traceId, parent) => parent?.isSampled ?? root(traceId) : root
}
