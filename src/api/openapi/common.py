"""Words that the dialects' files share: an operation in one line, schemas in few."""

PATHS, SCHEMAS, ANSWERS, TAGS = {}, {}, {}, []

REFUSED = {400: "The request is wrong; the message says what.", 401: "No key, or none of this server's.",
           403: "This Host or Origin may not ask.", 404: "There is no such thing, or it is another project's.",
           405: "Not by this method.", 408: "The request did not arrive in time.", 413: "Too large.",
           429: "Too many: a queue is full, a quota reached, or the provider's limit.",
           431: "The request's head is too large.", 500: "The server failed.",
           503: "The server stops, is not ready, or the provider is overloaded.", 507: "The disk is full."}
OF_MODELS = {502: "The model's provider could not be reached, or failed.", 504: "The model's provider took too long."}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required="", /, **properties):
    """An object; `required` names fields, with blanks between them."""
    made = {"type": "object", "properties": properties}
    if required:
        made["required"] = required.split()
    return made


def whole(**properties):
    """An object of an answer: every field is always there."""
    return obj(" ".join(properties), **properties)


def array(items, **more):
    return {"type": "array", "items": items, **more}


def word(*words):
    return {"type": "string", "enum": list(words)}


def maybe(schema):
    return {"anyOf": [schema, {"type": "null"}]}


def lines(description):
    """Text of a media type that is no JSON."""
    return {"type": "string", "description": description}


TEXT, WHOLE, NUMBER, BOOL, ANY = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {}
BYTES = {"type": "string", "format": "binary"}
OBJECT = {"type": "object"}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}


def schema(name, value):
    SCHEMAS[name] = value
    return ref(name)


def page(of, wire="list"):
    """A page of a list."""
    return whole(object={"const": wire}, data=array(of), first_id=maybe(TEXT), last_id=maybe(TEXT), has_more=BOOL)


def query(name, schema, description="", required=False):
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


PAGE = [query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "How many at most."),
        query("order", word("asc", "desc"), "By creation."), query("after", TEXT, "The id that the page before ended with.")]


def tag(name, description):
    TAGS.append({"name": name, "description": description})
    return name


def content_of(value):
    """A schema is JSON; a dict of media types is itself; None is nothing."""
    if value is None:
        return {}
    if value and all("/" in key for key in value):
        return {"content": {kind: {"schema": each} for kind, each in value.items()}}
    return {"content": {"application/json": {"schema": value}}}


def op(tags, method, path, summary, *, body=None, ok=OBJECT, status=200, query=(), model=False, errors="Error", needs=True,
       public=False, description=None, also=()):
    """One operation. `body` and `ok` are as content_of; `also`: further answers {status: description}."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    refused = {**REFUSED, **(OF_MODELS if model else {}), **dict(also)}
    answers = {str(status): {"description": "As asked.", **content_of(ok)}}
    for code, words in sorted(refused.items()):
        name = f"{errors}{code}"
        ANSWERS.setdefault(name, {"description": words, **({} if code == 304 else content_of(ref(errors)))})
        answers.setdefault(str(code), {"$ref": f"#/components/responses/{name}"})
    parts = [p.strip("{}*").replace("-", "_") for p in path.split("/") if p and p != "v1"]
    operation = {"tags": [tags], "summary": summary, "operationId": "_".join([method.lower(), *parts] if parts else [method.lower(), "root"]),
                 "parameters": [{"name": n.rstrip("*"), "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for n in names]
                 + list(query), "responses": answers}
    if description:
        operation["description"] = description
    if body is not None:
        operation["requestBody"] = {"required": needs, **content_of(body)}
    if public:
        operation["security"] = []
    PATHS.setdefault(path.replace("*}", "}"), {})[method.lower()] = operation
