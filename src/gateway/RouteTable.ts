import { HttpApi, type HttpApiGroup } from "effect/http-api"

/** The routes by path, for what the router itself does not tell: which methods a path has, and what pattern it is of. */
export interface RouteTable {
  readonly patterns: ReadonlyArray<string>
  readonly find: (path: string) => { readonly pattern: string; readonly methods: ReadonlyArray<string> } | undefined
}

interface Entry {
  readonly pattern: string
  readonly methods: Array<string>
}

/** `extra` are routes outside the typed API; `*` at a pattern's end stands for any rest. */
export const routeTable = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  extra: ReadonlyArray<readonly [method: string, pattern: string]>
): RouteTable => {
  const exact = new Map<string, Entry>()
  const open: Array<Entry & { readonly matches: RegExp }> = []
  const add = (method: string, pattern: string) => {
    const known = exact.get(pattern) ?? open.find((entry) => entry.pattern === pattern)
    if (known !== undefined) {
      if (!known.methods.includes(method)) known.methods.push(method)
      return
    }
    const methods = method === "GET" ? ["GET", "HEAD"] : [method]
    if (!/[:*]/.test(pattern)) exact.set(pattern, { pattern, methods })
    else open.push({ pattern, methods, matches: expression(pattern) })
  }
  HttpApi.reflect(api, { onGroup: () => {}, onEndpoint: ({ endpoint }) => add(endpoint.method, endpoint.path) })
  for (const [method, pattern] of extra) add(method, pattern)
  return {
    patterns: [...exact.keys(), ...open.map(({ pattern }) => pattern)],
    find: (path) => exact.get(path) ?? open.find(({ matches }) => matches.test(path))
  }
}

const expression = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
      .replace(/\*$/, ".+")
      .replace(/:\w+/g, "[^/]+")}$`
  )
