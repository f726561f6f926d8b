"""What openai-python 1.20 does with files of assistants and messages, which later clients have forgotten: `python first_beta.py URL`.
Run by the interpreter of build/openai-1.20-venv; prints one JSON object of what it saw."""
import io
import json
import sys

import httpx
import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-1234", max_retries=0, _strict_response_validation=True,
                       http_client=httpx.Client(trust_env=False, timeout=60))
beta = client.beta


def upload(name, content):
    return client.files.create(file=(name, io.BytesIO(content)), purpose="assistants").id


def names(files):
    return [client.files.retrieve(file.id).filename for file in files]


first, second, third = upload("a.csv", b"a"), upload("b.csv", b"x,y\n1,2"), upload("c.csv", b"c")
assistant = beta.assistants.create(model="gpt-scripted", tools=[{"type": "code_interpreter"}], file_ids=[first])
given = beta.assistants.files.create(assistant.id, file_id=second)
assert given.object == "assistant.file" and given.assistant_id == assistant.id
assert beta.assistants.files.retrieve(second, assistant_id=assistant.id) == given
assert [f.id for f in beta.assistants.files.list(assistant.id, limit=1, order="asc")] == [first, second]  # it asks for the second page
gone = beta.assistants.files.delete(first, assistant_id=assistant.id)
assert gone.deleted and gone.id == first and gone.object == "assistant.file.deleted"
assert beta.assistants.retrieve(assistant.id).file_ids == [second]

thread = beta.threads.create()
message = beta.threads.messages.create(thread.id, role="user", content="look twice", file_ids=[third])
shown = beta.threads.messages.files.list(message.id, thread_id=thread.id)
file = beta.threads.messages.files.retrieve(third, thread_id=thread.id, message_id=message.id)
assert shown.data == [file] and file.object == "thread.message.file" and file.message_id == message.id

run = beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
assert run.status == "completed", run
step = beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc").data[0]
print(json.dumps({"version": openai.__version__, "assistant": names(beta.assistants.files.list(assistant.id)),
                  "message": names(shown), "read": step.step_details.tool_calls[0].code_interpreter.outputs[0].logs}))
