from openai import OpenAI
client = OpenAI(api_key="your-api-key")

# Create an assistant with Code Interpreter
assistant = client.beta.assistants.create(
    name="Excel Analyst",
    instructions="You are an expert Excel analyst. Use code interpreter to analyze Excel files, create visualizations, and generate reports.",
    tools=[{"type": "code_interpreter"}],
    model="gpt-4-1106-preview"
)
