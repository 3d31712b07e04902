import OpenAI from "openai"

const client = new OpenAI({
  baseURL: `${process.env.XROUTER_URL ?? "http://127.0.0.1:8080"}/v1`,
  apiKey: process.env.XROUTER_API_KEY
})

const stream = await client.chat.completions.create({
  model: "sandbox/story",
  messages: [{ role: "user", content: "A story about a lighthouse, please" }],
  stream: true
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "")
process.stdout.write("\n")
