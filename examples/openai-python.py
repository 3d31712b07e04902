import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("XROUTER_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=os.environ["XROUTER_API_KEY"],
)

answer = client.chat.completions.create(
    model="sandbox/echo",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)
