/** OpenAI's API reference, "Create chat completion": what of a request changes its answer, beside how long it may be. */
export const openAiParameters: ReadonlyArray<string> = [
  "frequency_penalty",
  "logit_bias",
  "logprobs",
  "n",
  "parallel_tool_calls",
  "presence_penalty",
  "reasoning_effort",
  "response_format",
  "seed",
  "stop",
  "temperature",
  "tool_choice",
  "tools",
  "top_logprobs",
  "top_p"
]
