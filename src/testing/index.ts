/**
 * What tests of applications are given (docs/library.md): providers that answer as they are told, a gateway in memory, and
 * the contract that every provider keeps to.
 */
export * as Answers from "./Answers.ts"
export type { Answer } from "./Answers.ts"
export * as ScriptedProvider from "./ScriptedProvider.ts"
export * as TestGateway from "./TestGateway.ts"
export * as InMemory from "./InMemory.ts"
export { MemoryKeys } from "./MemoryKeys.ts"
export type { KeyOptions, MadeKey } from "./MemoryKeys.ts"
export { Calls } from "./MemoryLedger.ts"
export { providerContract } from "./ProviderContract.ts"
export type { ContractCase, ContractOptions, EndlessSubject, Subject, Trouble } from "./ProviderContract.ts"
export { ContractViolation } from "./ContractViolation.ts"
