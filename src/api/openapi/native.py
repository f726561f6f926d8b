"""Sessions (containers), executions, files, environments: Cloche's own API on top of OpenAI's Containers and Files."""
from common import *

T = tag("Sessions", "Isolated interpreters with their files; OpenAI calls them containers.")
E = tag("Executions", "Code, in a session or without one.")
F = tag("Files", "Files that outlive sessions, in one piece or in parts.")
S = tag("Server", "Health, environments, the page.")
C = "/v1/containers/{container_id}"

container = schema("Container", whole(
    id=TEXT, object={"const": "container"}, created_at=WHOLE, name=TEXT, status=word("running", "expired"), environment=TEXT,
    last_active_at=WHOLE, expires_at=WHOLE, expires_after=whole(anchor={"const": "last_active_at"}, minutes=WHOLE), memory_limit=TEXT,
    usage=maybe(whole(memory_bytes=WHOLE, memory_limit_bytes=WHOLE, disk_bytes=WHOLE, pids=WHOLE, cpu_ms=WHOLE)), metadata=MAP,
    network_policy=whole(type={"const": "disabled"}), branched_from={"type": "null"}))
SCHEMAS["Container"]["properties"]["status_reason"] = {"type": "string", "description": "Why it expired."}
container_new = schema("ContainerNew", obj(
    "name", name={"type": "string", "maxLength": 512}, environment=maybe(TEXT), memory_limit=maybe(TEXT), file_ids=maybe(array(TEXT)),
    expires_after=maybe(obj("anchor minutes", anchor=word("last_active_at"), minutes={"type": "integer", "minimum": 1})), metadata=maybe(MAP)))
raised = dict(name=TEXT, value=TEXT, traceback=array(TEXT))
output = schema("Output", {"oneOf": [
    whole(type=word("stdout", "stderr"), text=TEXT),
    whole(type=word("display_data", "execute_result"), data={**OBJECT, "description": "By media type: text, JSON, else base64."}, metadata=OBJECT),
    whole(type={"const": "error"}, **raised)]})
made = whole(id=TEXT, path=TEXT, bytes=WHOLE, mime_type=TEXT, change=word("created", "modified"))
made["properties"].update(content={**maybe(TEXT), "description": "Base64; without a session only."},
                          file_id={**maybe(TEXT), "description": "Its File, with keep_files."})
execution = schema("Execution", whole(
    id=TEXT, object={"const": "container.execution"}, container_id=maybe(TEXT), created_at=WHOLE,
    status=maybe(word("completed", "error", "timeout", "interrupted", "out_of_memory", "killed")), state=word("kept", "reset"), stdout=TEXT,
    stderr=TEXT, result=maybe(TEXT), outputs=array(output), error=maybe(whole(**raised)), files=array(made),
    truncated=array(whole(stream=word("stdout", "stderr"), kept_bytes=WHOLE, total_bytes=WHOLE, file_id=maybe(TEXT))), notes=array(TEXT),
    duration_ms={**NUMBER, "description": "By the clock, until the server has read the code's end: with what its output waited for a "
                                          "client that reads slowly, and not what it waited for its turn."},
    cpu_ms={**NUMBER, "description": "Of the interpreter and the children it has waited for."},
    max_memory_bytes=WHOLE, execution_count=WHOLE))
SCHEMAS["Execution"]["properties"]["code"] = {"type": "string", "description": "With include=code."}
code = {"type": "string", "maxLength": 1048576, "description": "Python."}
execute = schema("Execute", obj("code", code=code, timeout=maybe({"type": "number", "minimum": 1}), stdin=maybe(TEXT), stream=maybe(BOOL), env=maybe(MAP)))
stateless = schema("ExecuteOnce", obj(
    "code", code=code, environment=maybe(TEXT), timeout=maybe({"type": "number", "minimum": 1}), stdin=maybe(TEXT), stream=maybe(BOOL),
    env=maybe(MAP), memory_limit=maybe(TEXT), keep_files=maybe(BOOL),
    files=maybe(array(obj("", name=TEXT, content=TEXT, file_id=TEXT)))))
told = {"application/json": execution, "text/event-stream": lines("execution.started, execution.output, execution.input_requested, execution.completed")}
container_file = schema("ContainerFile", whole(id=TEXT, object={"const": "container.file"}, container_id=TEXT, created_at=WHOLE,
                                               bytes=WHOLE, path=TEXT, source=word("user", "assistant"), filename=TEXT))
file = schema("File", whole(id=TEXT, object={"const": "file"}, bytes=WHOLE, created_at=WHOLE, expires_at=maybe(WHOLE), filename=TEXT,
                            purpose=TEXT, status={"const": "processed"}, status_details={"type": "null"}))
deleted = schema("Deleted", whole(id=TEXT, object=TEXT, deleted={"const": True}))
book = {"application/x-ipynb+json": OBJECT, "text/x-python": TEXT, "text/html": TEXT}
touch = [query("touch", {"type": "boolean", "default": True}, "false: does not count as a use, so that a watched session can expire.")]
book_format = [query("format", word("ipynb", "py", "html"), "ipynb without it.")]

variable = schema("Variable", whole(name=TEXT, type=TEXT, shape=maybe(array(WHOLE)), preview=TEXT))

op(T, "POST", "/v1/containers", "Make a session", body=container_new, ok=container)
op(T, "GET", "/v1/containers", "List sessions", ok=page(container), query=PAGE + [query("name", TEXT)])
op(T, "GET", C, "One session, with what it uses", ok=container, query=touch)
op(T, "POST", C, "Raise its memory limit, also under code that runs", body=obj("memory_limit", memory_limit={"type": "string", "description": "4g, 1536m: no less than it has."}), ok=container)
op(T, "DELETE", C, "End a session, whatever it does", ok=deleted)
op(T, "POST", C + "/restart", "A fresh interpreter; files stay", ok=container)
op(T, "POST", C + "/files", "Upload a file, or copy one of Files", ok=container_file, body={
    "multipart/form-data": obj("file", file=BYTES, path=TEXT), "application/json": obj("file_id", file_id=TEXT, path=TEXT)})
op(T, "GET", C + "/files", "List files", ok=page(container_file), query=PAGE + [query("path", TEXT)] + touch)
op(T, "GET", C + "/files/{file_id}", "One file", ok=container_file, query=touch)
op(T, "GET", C + "/files/{file_id}/content", "Its bytes", ok={"*/*": BYTES}, query=touch)
op(T, "DELETE", C + "/files/{file_id}", "Delete it", ok=deleted)
op(T, "GET", C + "/archive", "All files as a zip", ok={"application/zip": BYTES}, query=touch)
op(T, "GET", C + "/notebook", "What was run, as a notebook", ok=book, query=book_format)
op(E, "POST", C + "/execute", "Run code in a session", body=execute, ok=told)
op(E, "POST", C + "/input", "Answer input()", body=obj("text", text=TEXT), ok=whole(accepted={"const": True}))
op(E, "POST", C + "/interrupt", "Interrupt what runs", ok=whole(interrupted=BOOL, execution_id=maybe(TEXT)))
op(E, "GET", C + "/variables", "What variables there are", ok=whole(data=array(variable), stale=BOOL), query=touch)
op(E, "GET", C + "/executions", "List executions", ok=page(execution), query=PAGE + [query("include", word("code"))])
op(E, "GET", C + "/executions/{execution_id}", "One execution", ok=execution, query=[query("include", word("code"))])
op(E, "GET", C + "/executions/{execution_id}/outputs/{n}", "One output in its richest form", ok={"*/*": BYTES})
op(E, "POST", "/v1/execute", "Run code in a sandbox of its own", body=stateless, ok=told)
op(E, "POST", "/v1/notebooks", "Texts and executions in an order of one's own, as a notebook", ok=book, query=book_format, body=obj(
    "cells", title=maybe({"type": "string", "maxLength": 2048}), cells=array({"oneOf": [
        obj("type source", type={"const": "markdown"}, source=TEXT, role=maybe(word("user", "assistant"))),
        obj("type source", type={"const": "code"}, source=TEXT),
        obj("type container_id execution_id", type={"const": "code"}, container_id=TEXT, execution_id=TEXT)]}, maxItems=10000)))
op(E, "POST", "/v1/notebooks/run", "Run a notebook", ok=OBJECT, body={"application/json": OBJECT, "multipart/form-data": OBJECT, "application/x-ipynb+json": OBJECT})
op(S, "GET", "/v1/environments", "List environments", ok=page(whole(
    id=TEXT, object={"const": "environment"}, name=TEXT, default=BOOL, created_at=WHOLE, python_version=maybe(TEXT), source=TEXT,
    size_bytes=WHOLE, packages=MAP, requirements=array(TEXT), missing=array(TEXT))))
op(S, "POST", "/v1/environments", "Build an environment, told line by line", ok={"text/event-stream": lines("environment.progress, .completed, .failed")},
   body=obj("name", name=TEXT, requirements=maybe(array(TEXT)), python=maybe(TEXT)))
op(F, "POST", "/v1/files", "Upload a file", ok=file, body={"multipart/form-data": obj("file purpose", file=BYTES, purpose=TEXT)})
op(F, "GET", "/v1/files", "List Files", ok=page(file), query=[query("purpose", TEXT), query("limit", {"type": "integer", "minimum": 1, "maximum": 10000})] + PAGE[1:])
op(F, "GET", "/v1/files/{file_id}", "One File", ok=file)
op(F, "GET", "/v1/files/{file_id}/content", "Its bytes", ok={"application/octet-stream": BYTES})
op(F, "DELETE", "/v1/files/{file_id}", "Delete it", ok=deleted)
upload = schema("Upload", whole(id=TEXT, object={"const": "upload"}, bytes=WHOLE, created_at=WHOLE, expires_at=WHOLE, filename=TEXT, purpose=TEXT,
                                mime_type=TEXT, status=word("pending", "completed", "cancelled", "expired"), file=maybe(file)))
op(F, "POST", "/v1/uploads", "Begin an upload in parts", ok=upload, body=obj("bytes filename mime_type purpose", bytes={"type": "integer", "minimum": 1}, filename=TEXT, mime_type=TEXT, purpose=TEXT))
op(F, "POST", "/v1/uploads/{upload_id}/parts", "Add a part", ok=whole(id=TEXT, object={"const": "upload.part"}, created_at=WHOLE, upload_id=TEXT), body={"multipart/form-data": obj("data", data=BYTES)})
op(F, "POST", "/v1/uploads/{upload_id}/complete", "Make a File of the parts", ok=upload, body=obj("part_ids", part_ids=array(TEXT), md5=TEXT))
op(F, "POST", "/v1/uploads/{upload_id}/cancel", "Give it up", ok=upload)
op(S, "GET", "/", "Who is here; a browser gets the page", public=True, ok={"text/html": TEXT, "application/json": whole(
    message={"const": "OpenAI Code Interpreter Explorer API"}, name={"const": "cloche"}, version=TEXT, status=word("ready", "warming_up"),
    default_environment=TEXT, environments=array(TEXT), endpoints=array(TEXT))}, also={304: "The page has not changed."})
op(S, "GET", "/healthz", "The server answers", public=True, ok=whole(status={"const": "ok"}, version=TEXT))
op(S, "GET", "/readyz", "The default environment is warm", public=True, ok=whole(status={"const": "ready"}, version=TEXT, pools=word("full", "filling")))
for path, kind in (("/favicon.ico", "image/svg+xml"), ("/favicon.svg", "image/svg+xml"), ("/assets/{name}", "*/*")):
    op(S, "GET", path, "A file of the page", public=True, ok={kind: BYTES}, also={304: "It has not changed."})
for path, what in (("/docs", "This document, by Swagger UI"), ("/redoc", "This document, by Redoc")):
    op(S, "GET", path, what, ok={"text/html": TEXT}, also={304: "It has not changed."})
op(S, "GET", "/openapi.json", "This document", ok={"application/json": OBJECT}, also={304: "It has not changed."})
