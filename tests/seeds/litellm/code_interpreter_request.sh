curl http://localhost:4000/v1/responses \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer sk-1234" \
  -d '{
    "model": "openai/gpt-4o",
    "tools": [{"type": "code_interpreter"}],
    "input": "Generate a bar chart of sales by quarter and save as PNG"
  }'
