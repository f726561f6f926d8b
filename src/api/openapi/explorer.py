"""The Explorer's API, logins, and webhooks."""
from common import *
from native import deleted

X = tag("Explorer", "Threads, chats, files and examples; errors are {\"detail\": …}.")
L = tag("Login", "A browser's way in when keys exist.")
W = tag("Webhooks", "Being told that a run has ended.")
wrong = "ExplorerError"
schema(wrong, whole(detail=TEXT))

annotation = whole(type={"const": "file_path"}, file_id=TEXT, text=TEXT)
answer = schema("ThreadResponse", whole(
    thread_id=TEXT, message=TEXT, files=array(whole(file_id=TEXT, type=word("image_file", "file_path"))), annotations=array(annotation)))
chat = schema("ChatRequest", obj("message", message={"type": "string", "minLength": 1}, thread_id=maybe(TEXT), use_code_interpreter={"type": "boolean", "default": True},
                                 file_ids=maybe(array(TEXT)), model=maybe(TEXT)))
analysis = schema("AnalysisRequest", obj("prompt", prompt={"type": "string", "minLength": 1}, file_ids=maybe(array(TEXT)), thread_id=maybe(TEXT), model=maybe(TEXT)))
op(X, "POST", "/api/thread/create", "Begin a thread", ok=whole(thread_id=TEXT, status={"const": "created"}), errors=wrong)
op(X, "GET", "/api/thread/{thread_id}/messages", "Its messages, oldest first", errors=wrong, ok=whole(
    messages=array(whole(id=TEXT, role=word("user", "assistant"), content=TEXT, annotations=array(annotation), created_at=WHOLE))))
op(X, "POST", "/api/chat", "A message and its answer", body=chat, ok=answer, errors=wrong)
op(X, "POST", "/api/analyze", "An analysis of files", body=analysis, ok=answer, errors=wrong)
op(X, "POST", "/api/upload", "Upload a file (csv, xlsx, xls, json, txt, pdf)", body={"multipart/form-data": obj("file", file=BYTES)},
   ok=whole(file_id=TEXT, filename=TEXT, status={"const": "uploaded"}), errors=wrong)
op(X, "GET", "/api/file/{file_id}", "Download a file", ok={"application/octet-stream": BYTES}, errors=wrong)
for name in ("data-analysis", "math-computation", "image-generation"):
    op(X, "POST", f"/api/examples/{name}", "An example, whatever the model", ok=answer, errors=wrong)
op(X, "GET", "/api/ws", "The live wire: a WebSocket (docs/explorer.md)", ok=None, status=101, errors=wrong)
op(L, "POST", "/api/login", "A key once, a cookie from then on", body=obj("key", key={"type": "string", "maxLength": 512}), ok=None, status=204, errors=wrong, public=True)
op(L, "POST", "/api/logout", "Ends the login", ok=None, status=204, errors=wrong, public=True)

event = word("response.completed", "response.failed", "response.incomplete", "response.cancelled", "cloche.analysis.completed")
hook = schema("Webhook", whole(id=TEXT, object={"const": "webhook"}, created_at=WHOLE, url=TEXT, events=array(event)))
hook_new = schema("WebhookNew", whole(**SCHEMAS["Webhook"]["properties"], secret=TEXT))
delivery = schema("WebhookDelivery", whole(
    id=TEXT, object={"const": "webhook.delivery"}, created_at=WHOLE, type=event,
    event=whole(id=TEXT, object={"const": "event"}, created_at=WHOLE, type=event, data=whole(id=TEXT)),
    status=word("pending", "delivered", "failed", "dropped"), attempts=WHOLE, next_attempt_at=maybe(WHOLE), response_status=maybe(WHOLE), error=maybe(TEXT)))
op(W, "POST", "/v1/webhooks", "Register a webhook; its secret is shown once", body=obj("url events", url=TEXT, events=array(event, minItems=1)), ok=hook_new)
op(W, "GET", "/v1/webhooks", "List webhooks", ok=page(hook), query=PAGE)
op(W, "GET", "/v1/webhooks/{webhook_id}", "One webhook", ok=hook)
op(W, "DELETE", "/v1/webhooks/{webhook_id}", "Delete it", ok=deleted)
op(W, "GET", "/v1/webhooks/{webhook_id}/deliveries", "What was sent", ok=page(delivery), query=PAGE)
