import type { Provider } from "../Provider.ts"
import * as Sandbox from "./Sandbox.ts"

/** Models that need no network and no credentials, and answer the same request the same way, always; `sandbox` by name unless given another. */
export const make = ({ name = "sandbox" }: { readonly name?: string } = {}): Provider => Sandbox.make(name)
