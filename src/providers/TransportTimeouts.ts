import { Duration } from "effect"

/** How long a connection may take, and how long nothing may come over it, where a provider is told nothing else. */
export const transportTimeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }
