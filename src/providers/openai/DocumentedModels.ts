import type { VendorName } from "../../config/Vendors.ts"
import type { ModelPrice, ProviderModel } from "../Provider.ts"

/**
 * What vendors document of their models and their lists do not tell. The numbers are the vendors' own, from the pages named here. A
 * price stands here only where one number is true of every call: not where it goes by the hour or by the length of the prompt.
 */

const openAi = (
  id: string,
  name: string,
  contextLength: number,
  outputLength: number,
  price?: Pick<ModelPrice, "input" | "output" | "cachedInput">
): ProviderModel => ({
  id,
  name,
  ownedBy: "openai",
  created: 0,
  contextLength,
  outputLength,
  ...(price === undefined
    ? {}
    : {
        price: {
          ...price,
          currency: "USD",
          per: 1_000_000,
          asOf: "2026-11-23",
          source: `https://developers.openai.com/api/docs/models/${id}`
        }
      })
})

/** api-docs.deepseek.com, "Models & Pricing": two prices by the hour of the day. */
const deepSeek = (id: string, name: string): ProviderModel => ({
  id,
  name,
  ownedBy: "deepseek",
  created: 0,
  contextLength: 1_000_000,
  outputLength: 384_000
})

const documented: Partial<Record<VendorName, ReadonlyArray<ProviderModel>>> = {
  openai: [
    openAi("gpt-5-mini", "GPT-5 mini", 400_000, 128_000, { input: "0.25", cachedInput: "0.025", output: "2.00" }),
    openAi("gpt-5.4", "GPT-5.4", 1_050_000, 128_000),
    openAi("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, 32_768),
    openAi("gpt-4o-mini", "GPT-4o mini", 128_000, 16_384)
  ],
  deepseek: [deepSeek("deepseek-flash", "DeepSeek Flash"), deepSeek("deepseek-v4-pro", "DeepSeek V4 Pro")]
}

export const documentedBy = (vendor: VendorName): ReadonlyArray<ProviderModel> => documented[vendor] ?? []
