import litellm

response = litellm.responses(
    model="openai/gpt-4o",
    input="Calculate the first 20 fibonacci numbers and plot them",
    tools=[{"type": "code_interpreter"}]
)

print(response)
