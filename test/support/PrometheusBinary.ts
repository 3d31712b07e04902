import { Effect } from "effect"
import { join } from "node:path"
import { debianPackage, type DebianPackageError } from "./DebianPackage.ts"

/** Debian's `prometheus` and `promtool`: of a known version, whatever the machine has. */
export interface PrometheusBinary {
  readonly prometheus: string
  readonly promtool: string
}

export const prometheusBinary: Effect.Effect<PrometheusBinary, DebianPackageError> = Effect.map(
  debianPackage("prometheus", "usr/bin/prometheus", "19 MB", { alone: true }),
  ({ root }) => ({ prometheus: join(root, "usr/bin/prometheus"), promtool: join(root, "usr/bin/promtool") })
)
