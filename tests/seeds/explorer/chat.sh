# Create a thread
curl -X POST http://localhost:8000/api/thread/create

# Send a message
curl -X POST http://localhost:8000/api/chat \
  -H "Content-Type: application/json" \
  -d '{
    "message": "Show me Fibonacci numbers",
    "use_code_interpreter": true
  }'
