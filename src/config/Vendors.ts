import { Struct } from "effect"

/**
 * Vendors that speak OpenAI's language, and where each is reached unless a base URL is set. What they do in their own way is in
 * `providers/openai/Vendors.ts`.
 */

interface VendorAddress {
  /** With its version, as the vendor documents it. */
  readonly baseUrl: string
  /** By which a base URL without a vendor is recognised: host names, with the port where it is not the scheme's. */
  readonly hosts: ReadonlyArray<string>
  /** Whether its own address asks for a key; servers of one's own ask for none. */
  readonly isHosted: boolean
}

const hosted = (baseUrl: string): VendorAddress => ({ baseUrl, hosts: [new URL(baseUrl).host], isHosted: true })

/** By their documented ports; one that many servers have in common tells nothing. */
const local = (port: number, isTelling = true): VendorAddress => ({
  baseUrl: `http://127.0.0.1:${port}/v1`,
  hosts: isTelling ? ["127.0.0.1", "localhost", "[::1]", "host.docker.internal"].map((host) => `${host}:${port}`) : [],
  isHosted: false
})

export const vendorAddresses = {
  openai: hosted("https://api.openai.com/v1"),
  deepseek: hosted("https://api.deepseek.com"),
  openrouter: hosted("https://openrouter.ai/api/v1"),
  zai: hosted("https://api.z.ai/api/paas/v4"),
  cloudru: hosted("https://foundation-models.api.cloud.ru/v1"),
  mws: hosted("https://api.gpt.mws.ru/v1"),
  yandex: {
    ...hosted("https://ai.api.cloud.yandex.net/v1"),
    hosts: ["ai.api.cloud.yandex.net", "llm.api.cloud.yandex.net"]
  },
  vllm: local(8000, false),
  ollama: local(11_434),
  lmstudio: local(1234)
} satisfies Record<string, VendorAddress>

export type VendorName = keyof typeof vendorAddresses

export const vendorNames = Struct.keys(vendorAddresses)

/** The vendor whose own address this is. */
export const vendorAt = (baseUrl: string): VendorName | undefined => {
  const host = URL.parse(baseUrl)?.host
  return host === undefined ? undefined : vendorNames.find((name) => vendorAddresses[name].hosts.includes(host))
}
