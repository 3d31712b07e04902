import { fileURLToPath } from "node:url"

/** A file of the checkout, by its path from this folder. */
export const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
