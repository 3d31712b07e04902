import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The dashboards of ops/grafana, as far as tests look into them. */
export interface Dashboard {
  readonly file: string
  readonly uid: string
  readonly title: string
  readonly templating: { readonly list: ReadonlyArray<{ readonly name: string; readonly definition: string }> }
  readonly panels: ReadonlyArray<{
    readonly title: string
    readonly targets: ReadonlyArray<{ readonly expr: string }>
  }>
}

const folder = fileURLToPath(new URL("../../ops/grafana/dashboards", import.meta.url))

export const dashboards: ReadonlyArray<Dashboard> = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => ({ ...JSON.parse(readFileSync(join(folder, file), "utf8")), file }))

/** What Grafana would ask with "All" chosen, over windows of ten seconds. */
export const asAsked = (expression: string): string =>
  expression.replaceAll("$__rate_interval", "10s").replaceAll("$__range", "10s").replaceAll("$provider", ".*")
