"""OpenAI's Responses, Conversations, Chat Completions, models and Assistants, as they are served here."""
from common import *
from native import book, book_format, deleted

R = tag("Responses", "OpenAI's Responses and Conversations, with the code interpreter.")
H = tag("Chat", "OpenAI's Chat Completions, and the models.")
A = tag("Assistants", "OpenAI's Assistants: threads, messages, runs, steps.")
V, X = "/v1/conversations/{conversation_id}", "/v1/responses/{response_id}"

response = schema("Response", obj("id object status output", id=TEXT, object={"const": "response"}, created_at=NUMBER, status=TEXT,
                                  model=TEXT, output=array(OBJECT), error=maybe(OBJECT), usage=maybe(OBJECT), cloche=maybe(OBJECT)))
ask = schema("ResponseNew", obj(
    "model", model=TEXT, input={"anyOf": [TEXT, array(OBJECT)]}, instructions=maybe(TEXT), tools=maybe(array(OBJECT)), tool_choice=ANY,
    stream=maybe(BOOL), background=maybe(BOOL), store=maybe(BOOL), previous_response_id=maybe(TEXT), conversation=ANY, metadata=maybe(MAP),
    max_output_tokens=maybe(WHOLE), max_tool_calls=maybe(WHOLE), temperature=maybe(NUMBER), top_p=maybe(NUMBER), include=maybe(array(TEXT)),
    reasoning=maybe(OBJECT), text=maybe(OBJECT), budget=maybe(NUMBER), sample=maybe(BOOL)))
conversation = schema("Conversation", obj("id object created_at", id=TEXT, object={"const": "conversation"}, created_at=WHOLE, metadata=maybe(OBJECT)))
include = [query("include[]", array(TEXT))]
events = {"application/json": response, "text/event-stream": lines("OpenAI's events of a response")}

op(R, "POST", "/v1/responses", "Ask a model, which may run code", body=ask, ok=events, model=True)
op(R, "GET", X, "A response, or its events again", ok=events, query=[query("stream", BOOL), query("starting_after", WHOLE)] + include)
op(R, "DELETE", X, "Forget it", ok=OBJECT)
op(R, "POST", X + "/cancel", "End one in the background", ok=response)
op(R, "GET", X + "/input_items", "What it was given", ok=page(OBJECT), query=PAGE + include)
op(R, "GET", X + "/notebook", "It and those before it, as a notebook", ok=book, query=book_format)
op(R, "POST", "/v1/responses/input_tokens", "How many tokens a request would take", body=OBJECT, ok=OBJECT, model=True)
op(R, "POST", "/v1/responses/compact", "Not supported", body=OBJECT, ok=OBJECT)
op(R, "POST", "/v1/estimate", "What a question would cost", ok=OBJECT, model=True,
   body=obj("model input", model=TEXT, input={"anyOf": [TEXT, array(OBJECT)]}, file_ids=maybe(array(TEXT))))
op(R, "POST", "/v1/conversations", "Begin a conversation", body=obj("", items=maybe(array(OBJECT)), metadata=maybe(MAP)), needs=False, ok=conversation)
op(R, "GET", "/v1/conversations", "List conversations", ok=page(conversation), query=PAGE)
op(R, "GET", V, "One conversation", ok=conversation)
op(R, "POST", V, "Change its metadata", body=obj("metadata", metadata=MAP), ok=conversation)
op(R, "DELETE", V, "Delete it", ok=deleted)
op(R, "GET", V + "/responses", "Its responses", ok=page(OBJECT), query=PAGE)
op(R, "POST", V + "/items", "Add items", body=obj("items", items=array(OBJECT)), ok=page(OBJECT), query=include)
op(R, "GET", V + "/items", "Its items", ok=page(OBJECT), query=PAGE + include)
op(R, "GET", V + "/items/{item_id}", "One item", ok=OBJECT, query=include)
op(R, "DELETE", V + "/items/{item_id}", "Delete one item", ok=conversation)
op(H, "POST", "/v1/chat/completions", "A chat completion", model=True, body=obj("model messages", model=TEXT, messages=array(OBJECT), stream=maybe(BOOL)),
   ok={"application/json": obj("id object choices", id=TEXT, object=TEXT, choices=array(OBJECT)), "text/event-stream": lines("chat.completion.chunk objects, then [DONE]")})
op(H, "GET", "/v1/models", "Which models answer", ok=obj("object data", object={"const": "list"}, data=array(OBJECT)))
op(H, "GET", "/v1/models/{model*}", "One model", ok=obj("id object", id=TEXT, object=TEXT))

assistant = schema("Assistant", obj("id object", id=TEXT, object={"const": "assistant"}, created_at=WHOLE, model=TEXT, tools=array(OBJECT)))
assistant_new = obj("model", model=TEXT, name=maybe(TEXT), description=maybe(TEXT), instructions=maybe(TEXT), tools=maybe(array(OBJECT)),
                    tool_resources=maybe(OBJECT), metadata=maybe(MAP), temperature=maybe(NUMBER), top_p=maybe(NUMBER))
assistant_change = {**assistant_new}
assistant_change.pop("required")
thread = schema("Thread", obj("id object", id=TEXT, object={"const": "thread"}, created_at=WHOLE, metadata=maybe(OBJECT)))
message = schema("Message", obj("id object role content", id=TEXT, object={"const": "thread.message"}, role=TEXT, content=array(OBJECT)))
run = schema("Run", obj("id object status", id=TEXT, object={"const": "thread.run"}, status=TEXT, thread_id=TEXT, assistant_id=maybe(TEXT)))
run_told = {"application/json": run, "text/event-stream": lines("OpenAI's events of a run")}
step = schema("RunStep", obj("id object type status", id=TEXT, object={"const": "thread.run.step"}, type=TEXT, status=TEXT))
def file_of(name, wire, owner):
    """The first beta's view of a File: that it belongs to somebody."""
    return schema(name, obj(f"id object created_at {owner}", id=TEXT, object={"const": wire}, created_at=WHOLE, **{owner: TEXT}))


assistant_file = file_of("AssistantFile", "assistant.file", "assistant_id")
message_file = file_of("MessageFile", "thread.message.file", "message_id")
I, D = "/v1/assistants/{assistant_id}", "/v1/threads/{thread_id}"
U, M = D + "/runs/{run_id}", D + "/messages/{message_id}"
before = PAGE + [query("before", TEXT)]
op(A, "POST", "/v1/assistants", "Make an assistant", body=assistant_new, ok=assistant)
op(A, "GET", "/v1/assistants", "List assistants", ok=page(assistant), query=before)
op(A, "GET", I, "One assistant", ok=assistant)
op(A, "POST", I, "Change it", body=assistant_change, ok=assistant)
op(A, "DELETE", I, "Delete it", ok=deleted)
op(A, "POST", I + "/files", "Give it a file (first beta)", body=obj("file_id", file_id=TEXT), ok=assistant_file)
op(A, "GET", I + "/files", "Its files (first beta)", ok=page(assistant_file), query=before)
op(A, "GET", I + "/files/{file_id}", "One file of it (first beta)", ok=assistant_file)
op(A, "DELETE", I + "/files/{file_id}", "Take a file from it; the File itself stays (first beta)", ok=deleted)
op(A, "POST", "/v1/threads", "Begin a thread", body=obj("", messages=maybe(array(OBJECT)), metadata=maybe(MAP)), needs=False, ok=thread)
op(A, "POST", "/v1/threads/runs", "Begin a thread and run it", body=obj("assistant_id", assistant_id=TEXT, thread=maybe(OBJECT), stream=maybe(BOOL)), ok=run_told, model=True)
op(A, "GET", D, "One thread", ok=thread)
op(A, "POST", D, "Change its metadata", body=obj("", metadata=maybe(MAP)), needs=False, ok=thread)
op(A, "DELETE", D, "Delete it", ok=deleted)
op(A, "GET", D + "/notebook", "What was run, as a notebook", ok={"*/*": BYTES}, query=book_format)
op(A, "GET", D + "/results", "What it made", ok={"*/*": BYTES})
op(A, "POST", D + "/messages", "Add a message", body=obj("role content", role=TEXT, content={"anyOf": [TEXT, array(OBJECT)]}), ok=message)
op(A, "GET", D + "/messages", "Its messages", ok=page(message), query=before + [query("run_id", TEXT)])
op(A, "GET", M, "One message", ok=message)
op(A, "POST", M, "Change its metadata", body=obj("", metadata=maybe(MAP)), needs=False, ok=message)
op(A, "DELETE", M, "Delete it", ok=deleted)
op(A, "GET", M + "/files", "Its files (first beta)", ok=page(message_file), query=before)
op(A, "GET", M + "/files/{file_id}", "One file of it (first beta)", ok=message_file)
op(A, "POST", D + "/runs", "Run it", body=obj("assistant_id", assistant_id=TEXT, stream=maybe(BOOL)), ok=run_told, model=True, query=include)
op(A, "GET", D + "/runs", "Its runs", ok=page(run), query=before)
op(A, "GET", U, "One run", ok=run)
op(A, "POST", U, "Change its metadata", body=obj("", metadata=maybe(MAP)), needs=False, ok=run)
op(A, "POST", U + "/cancel", "End it", ok=run)
op(A, "POST", U + "/submit_tool_outputs", "Answer the functions it waits for", body=obj("tool_outputs", tool_outputs=array(OBJECT), stream=maybe(BOOL)), ok=run_told, model=True)
op(A, "GET", U + "/steps", "Its steps", ok=page(step), query=before + include)
op(A, "GET", U + "/steps/{step_id}", "One step", ok=step, query=include)
