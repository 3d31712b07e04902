curl -sS "${XROUTER_URL:-http://127.0.0.1:8080}/v1/chat/completions" \
  -H "Authorization: Bearer $XROUTER_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hello"}]}'
