import type { ChatRequest } from "./ChatRequest.ts"

/**
 * Characters a token, where a provider tells no count: between English (about 4) and Russian (about 2.5). An estimate is for
 * limits and for calls that were broken off; what a provider has counted always takes its place.
 */
const charactersPerToken = 3

/** What a message costs beside its text: its role and its delimiters. */
const tokensPerMessage = 4

/** About what vendors count for an image of middling size; its URL, which may be the image itself, is no text. */
const tokensPerImage = 1000

export const estimateTokens = (characters: number): number => Math.ceil(characters / charactersPerToken)

export const estimatePrompt = ({ messages }: ChatRequest): number => {
  let characters = 0
  let images = 0
  for (const { content } of messages) {
    if (typeof content === "string") characters += content.length
    else {
      for (const { text, type } of content ?? []) {
        characters += text?.length ?? 0
        if (type === "image_url") images++
      }
    }
  }
  return estimateTokens(characters) + messages.length * tokensPerMessage + images * tokensPerImage
}
