import { RateLimitError } from "../domain/Errors.ts"

/** The gateway's own refusal, for want of a place: the provider has not been asked. */
export class Busy extends RateLimitError {}
