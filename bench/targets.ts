/** What stands between the clients and the upstream. */
import type { Gateway } from "./gateway.ts"
import type { Address } from "./traffic.ts"

export interface Target extends Address {
  readonly name: string
  readonly pid: number
}

export const names = {
  raw: "bare proxy",
  xrouter: "XRouter",
  gigaChat: "XRouter to GigaChat",
  yandexGpt: "XRouter to YandexGPT",
  portkey: "Portkey"
} as const

/** The same process with another provider behind it: each is a target of its own. */
export const xrouterTargets = (
  { pid, port }: Gateway,
  apiKey: string
): { readonly openAi: Target; readonly gigaChat: Target; readonly yandexGpt: Target } => {
  const target = (name: string, model: string): Target => ({
    name,
    model,
    pid,
    port,
    headers: { Authorization: `Bearer ${apiKey}` }
  })
  return {
    openAi: target(names.xrouter, "openai/bench-1"),
    gigaChat: target(names.gigaChat, "gigachat/GigaChat-2-Max"),
    yandexGpt: target(names.yandexGpt, "yandexgpt/yandexgpt-lite")
  }
}
