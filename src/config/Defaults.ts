import type { LimitSet } from "../domain/Principal.ts"
import { vendorAddresses } from "./Vendors.ts"

/** What holds where nothing is set and where no variable has it. Hosts are the vendors' own, as their documentation names them. */

export const gigachatDefaults = {
  scope: "GIGACHAT_API_PERS",
  baseUrl: "https://gigachat.devices.sberbank.ru/api/v1",
  /** Of the third generation of models. */
  thirdBaseUrl: "https://api.giga.chat/v1",
  authUrl: "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"
}

export const yandexgptDefaults = {
  baseUrl: "https://llm.api.cloud.yandex.net",
  iamUrl: "https://iam.api.cloud.yandex.net/iam/v1/tokens"
}

export const openaiDefaults = {
  baseUrl: vendorAddresses.openai.baseUrl
}

/** A tier of the file replaces the one of the same name as a whole. */
export const tierDefaults: ReadonlyMap<string, LimitSet> = new Map([
  ["free", { rpm: 20, rpd: 200, concurrency: 5 }],
  ["pro", { rpm: 100, rpd: 1000, concurrency: 20 }],
  ["enterprise", {}]
])

export const configFile = "xrouter.yaml"
