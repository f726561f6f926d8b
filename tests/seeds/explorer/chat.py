import requests

# Send a chat message
response = requests.post(
    "http://localhost:8000/api/chat",
    json={
        "message": "Calculate the first 10 prime numbers",
        "use_code_interpreter": True
    }
)
data = response.json()
print(data["message"])
