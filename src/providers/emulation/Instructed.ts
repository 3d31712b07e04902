import type { ChatRequest } from "../../domain/ChatRequest.ts"

/** Behind the system messages that begin the conversation: some providers take them nowhere else. */
export const instructed = (messages: ChatRequest["messages"], instruction: string): ChatRequest["messages"] => {
  const first = messages.findIndex(({ role }) => role !== "system" && role !== "developer")
  const at = first === -1 ? messages.length : first
  return [...messages.slice(0, at), { role: "system", content: instruction }, ...messages.slice(at)]
}
