"""Requests as a strict vendor reads them: what is refused, and what was said, alike on all wires.

read(wire, body, issued) gives a Seen or raises Refused with the vendor's reason. `issued` is what the
provider has said itself (Issued): reasoning has to come back as it was. The rules are those that the
vendors document or enforce: research has them with their sources; where in doubt, the stricter.
"""
import re
from dataclasses import dataclass, field


class Refused(Exception):
    """400 with this message."""


@dataclass
class Seen:
    """What a request says. Items, in order: {"kind": "message", "role", "text", "images"},
    {"kind": "call", "id", "name", "arguments"}, {"kind": "result", "id", "text", "images", "is_error"},
    {"kind": "reasoning", "key"}."""
    system: str = ""
    items: list = field(default_factory=list)
    tools: list = field(default_factory=list)  # names
    tool_choice: str = "auto"                  # or "none", "required", a name
    max_tokens: int = None

    @property
    def round(self):
        """Answers of the model since a person spoke last."""
        count, before = 0, None
        for item in self.items:
            if item["kind"] == "message" and item["role"] == "user":
                count = 0
            elif item["kind"] == "result" and before != "result":
                count += 1
            before = item["kind"]
        return count

    def texts(self, role):
        return [i["text"] for i in self.items if i["kind"] == "message" and i["role"] == role]

    def results(self):
        return [i for i in self.items if i["kind"] == "result"]


class Issued:
    """What the provider has said: keys of reasoning, and which reasoning came before a call."""

    def __init__(self):
        self.reasoning, self.before, self.extra = {}, {}, {}


def need(condition, message):
    if not condition:
        raise Refused(message)


def known(body, allowed, form):
    for key in body:
        need(key in allowed, form.format(key))


def typed(value, kinds, path):
    need(isinstance(value, kinds) and (not isinstance(value, bool) or kinds is bool), f"Invalid type for '{path}'.")
    return value


NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_tool(name, schema, strict, path):
    need(isinstance(name, str) and NAME.fullmatch(name), f"Invalid '{path}.name': does not match {NAME.pattern}")
    need(schema is None or (isinstance(schema, dict) and schema.get("type") == "object"),
         f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'")
    if strict:
        need(schema.get("additionalProperties") is False, f"Invalid schema for function '{name}': "
             "'additionalProperties' is required to be supplied and to be false.")
        need(set(schema.get("required", [])) == set(schema.get("properties", {})),
             f"Invalid schema for function '{name}': 'required' has to hold every key in properties.")


def check_number(body, key, low, high):
    value = body.get(key)
    if value is not None:
        typed(value, (int, float), key)
        need(low <= value <= high, f"Invalid '{key}': expected a value between {low} and {high}, got {value}.")


def check_reasoning_returns(seen, issued):
    """Reasoning that came with calls comes back with their results."""
    results = [i["id"] for i in seen.items[seen_last_answer(seen):] if i["kind"] == "result"]
    keys = {i["key"] for i in seen.items if i["kind"] == "reasoning"}
    for call in results:
        for key in issued.before.get(call, []):
            need(key in keys, f"call '{call}' was provided without its required reasoning '{key}'")


def seen_last_answer(seen):
    for n in range(len(seen.items) - 1, -1, -1):
        if seen.items[n]["kind"] != "result":
            return n + 1
    return 0


def image(url, path):
    need(isinstance(url, str) and (re.match(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$", url)
                                   or url.startswith("https://") or url.startswith("http://")),
         f"Invalid '{path}': expected a base64-encoded data URL with an image MIME type, or a web address.")
    return url


# ---- chat completions ----

CHAT_FIELDS = set("""model messages tools tool_choice parallel_tool_calls temperature top_p max_tokens
max_completion_tokens stream stream_options reasoning_effort response_format stop seed n user store metadata
service_tier logprobs top_logprobs presence_penalty frequency_penalty logit_bias prediction modalities audio
verbosity safety_identifier prompt_cache_key functions function_call web_search_options""".split())


def chat_content(content, role, path):
    """Text and images of a message's content."""
    if isinstance(content, str):
        return content, []
    typed(content, list, path)
    need(content, f"Invalid '{path}': empty array.")
    text, images = [], []
    for n, part in enumerate(content):
        kind = part.get("type")
        if kind == "text":
            text.append(typed(part.get("text"), str, f"{path}[{n}].text"))
        elif kind == "refusal" and role == "assistant":
            text.append(typed(part.get("refusal"), str, f"{path}[{n}].refusal"))
        else:
            need(kind == "image_url" and role == "user", f"Invalid '{path}[{n}].type': '{kind}' for role {role}.")
            images.append(image(part["image_url"].get("url"), f"{path}[{n}].image_url.url"))
    return "".join(text), images


def read_chat(body, issued, extra):
    known(body, CHAT_FIELDS | extra, "Unrecognized request argument supplied: {}")
    need(body.get("model"), "you must provide a model parameter")
    messages = typed(body.get("messages"), list, "messages")
    need(messages, "Invalid 'messages': empty array. Expected an array with minimum length 1.")
    need("stream_options" not in body or body.get("stream"), "'stream_options' is only allowed when stream is enabled.")
    need(not ("max_tokens" in body and "max_completion_tokens" in body),
         "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    check_number(body, "temperature", 0, 2)
    check_number(body, "top_p", 0, 1)
    seen, pending = Seen(max_tokens=body.get("max_completion_tokens", body.get("max_tokens"))), {}
    for n, tool in enumerate(body.get("tools") or []):
        need(tool.get("type") == "function", f"Invalid value: 'tools[{n}].type'")
        known(tool["function"], {"name", "description", "parameters", "strict"}, "Unknown parameter: tools.function.{}")
        check_tool(tool["function"].get("name"), tool["function"].get("parameters"), tool["function"].get("strict"),
                   f"tools[{n}].function")
        seen.tools.append(tool["function"]["name"])
    if "tools" in body:
        need(seen.tools, "Invalid 'tools': empty array. Expected an array with minimum length 1.")
    for key in ("tool_choice", "parallel_tool_calls"):
        need(key not in body or seen.tools, f"'{key}' is only allowed when 'tools' are specified.")
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        need(choice.get("type") == "function", "Invalid value for 'tool_choice'.")
        choice = choice["function"]["name"]
        need(choice in seen.tools, f"Invalid value: tool_choice names '{choice}', not in 'tools'.")
    else:
        need(choice in ("none", "auto", "required"), f"Invalid value: 'tool_choice' {choice!r}.")
    seen.tool_choice = choice
    for n, message in enumerate(messages):
        role, path = message.get("role"), f"messages[{n}]"
        known(message, {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "reasoning_content", "reasoning",
                        "annotations", "audio"}, f"Unknown parameter: '{path}.{{}}'.")
        need(role in ("system", "developer", "user", "assistant", "tool"), f"Invalid value: '{role}' for '{path}.role'.")
        if pending and role != "tool":
            need(False, "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                        f"'tool_call_id'. The following did not have response messages: {', '.join(pending)}")
        if role == "tool":
            need(message.get("tool_call_id") in pending,
                 "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
            del pending[message["tool_call_id"]]
            text, _ = chat_content(message.get("content"), role, f"{path}.content")
            seen.items.append({"kind": "result", "id": message["tool_call_id"], "text": text, "images": [],
                               "is_error": False})
            continue
        calls, content = message.get("tool_calls"), message.get("content")
        need(calls is None or (calls and role == "assistant"), f"Invalid '{path}.tool_calls'.")
        need(content is not None or calls or message.get("refusal"), f"Invalid value for 'content': got null. ({path})")
        text, images = chat_content(content, role, f"{path}.content") if content is not None else ("", [])
        if role in ("system", "developer"):
            seen.system += text
        elif content is not None or message.get("refusal"):
            seen.items.append({"kind": "message", "role": role, "text": text or message.get("refusal") or "",
                               "images": images})
        for m, call in enumerate(calls or []):
            need(call.get("type") == "function" and isinstance(call.get("id"), str) and 0 < len(call["id"]) <= 40,
                 f"Invalid '{path}.tool_calls[{m}].id': string too long. Expected a string with maximum length 40.")
            typed(call["function"].get("arguments"), str, f"{path}.tool_calls[{m}].function.arguments")
            for key, value in issued.extra.get(call["id"], {}).items():
                need(call.get(key) == value, f"Function call is missing a {key} in functionCall parts.")
            pending[call["id"]] = True
            seen.items.append({"kind": "call", "id": call["id"], "name": call["function"]["name"],
                               "arguments": call["function"]["arguments"]})
    need(not pending, "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                      f"'tool_call_id'. The following did not have response messages: {', '.join(pending)}")
    return seen


# ---- Responses ----

RESPONSES_FIELDS = set("""model input instructions previous_response_id conversation store background stream
stream_options include tools tool_choice parallel_tool_calls max_tool_calls max_output_tokens temperature top_p
top_logprobs text reasoning truncation metadata service_tier safety_identifier prompt_cache_key
prompt_cache_retention user prompt""".split())
ITEM_PREFIX = {"message": "msg", "function_call": "fc", "reasoning": "rs"}


def responses_content(content, role, path):
    if isinstance(content, str):
        return content, []
    typed(content, list, path)
    text, images = [], []
    allowed = {"assistant": ("output_text", "refusal")}.get(role, ("input_text", "input_image", "input_file"))
    for n, part in enumerate(content):
        kind = part.get("type")
        need(kind in allowed, f"Invalid value: '{kind}'. Supported values are: {allowed}. ({path}[{n}])")
        if kind == "input_image":
            images.append(image(part.get("image_url"), f"{path}[{n}].image_url"))
        else:
            text.append(typed(part.get("refusal" if kind == "refusal" else "text"), str, f"{path}[{n}]"))
    return "".join(text), images


def read_responses(body, issued, extra):
    known(body, RESPONSES_FIELDS | extra, "Unknown parameter: '{}'.")
    need(body.get("model"), "Missing required parameter: 'model'.")
    need(body.get("input"), 'One of "input" or "previous_response_id" must be provided.')
    check_number(body, "temperature", 0, 2)
    check_number(body, "top_p", 0, 1)
    need(body.get("max_output_tokens") is None or body["max_output_tokens"] >= 16, "Invalid 'max_output_tokens': "
         "integer below minimum value. Expected a value >= 16.")
    seen = Seen(system=body.get("instructions") or "", max_tokens=body.get("max_output_tokens"))
    for n, tool in enumerate(body.get("tools") or []):
        need(tool.get("type") == "function", f"Invalid value: 'tools[{n}].type'")
        known(tool, {"type", "name", "description", "parameters", "strict"}, f"Unknown parameter: 'tools[{n}].{{}}'.")
        need("parameters" in tool and "strict" in tool, f"Missing required parameter: 'tools[{n}].strict'.")
        check_tool(tool.get("name"), tool["parameters"], tool["strict"], f"tools[{n}]")
        seen.tools.append(tool["name"])
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        need(choice.get("type") == "function" and choice.get("name") in seen.tools,
             f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.")
        choice = choice["name"]
    else:
        need(choice in ("none", "auto", "required"), "Invalid value: 'tool_choice'.")
        need(choice != "required" or seen.tools, "Tool choice 'required' must be specified with 'tools' parameter.")
    seen.tool_choice = choice
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    calls, results, ids = {}, set(), set()
    for n, item in enumerate(items):
        kind, path = item.get("type") or "message", f"input[{n}]"
        if "id" in item:
            prefix = ITEM_PREFIX.get(kind)
            need(prefix and item["id"].startswith(prefix), f"Invalid '{path}.id': '{item['id']}'. Expected an ID that "
                                                           f"begins with '{prefix}'.")
            need(item["id"] not in ids, f"Duplicate item found with id {item['id']}.")
            ids.add(item["id"])
        if kind == "message":
            role = item.get("role")
            need(role in ("user", "assistant", "system", "developer"), f"Invalid value: '{role}' ({path}.role)")
            text, images = responses_content(item.get("content"), role, f"{path}.content")
            if role in ("system", "developer"):
                seen.system += text
            else:
                seen.items.append({"kind": "message", "role": role, "text": text, "images": images})
        elif kind == "function_call":
            known(item, {"type", "id", "call_id", "name", "arguments", "status"}, f"Unknown parameter: '{path}.{{}}'.")
            typed(item.get("arguments"), str, f"{path}.arguments")
            need(isinstance(item.get("call_id"), str) and 0 < len(item["call_id"]) <= 64, f"Invalid '{path}.call_id'.")
            calls[item["call_id"]] = n
            seen.items.append({"kind": "call", "id": item["call_id"], "name": item["name"],
                               "arguments": item["arguments"]})
        elif kind == "function_call_output":
            known(item, {"type", "id", "call_id", "output", "status"}, f"Unknown parameter: '{path}.{{}}'.")
            need(item.get("call_id") in calls, f"No tool call found for function call output with call_id "
                                               f"{item.get('call_id')}.")
            text, images = responses_content(item.get("output"), "tool", f"{path}.output")
            results.add(item["call_id"])
            seen.items.append({"kind": "result", "id": item["call_id"], "text": text, "images": images,
                               "is_error": False})
        elif kind == "reasoning":
            need(body.get("store", True) is True or item.get("encrypted_content"),
                 f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false.")
            need(isinstance(item.get("summary"), list), f"Missing required parameter: '{path}.summary'.")
            key = item.get("encrypted_content") or item.get("id")
            need(key not in issued.reasoning or issued.reasoning[key] == item["summary"],
                 "The encrypted content could not be verified.")
            need(key in issued.reasoning, "The encrypted content could not be verified: not issued here.")
            need(n + 1 < len(items) and items[n + 1].get("type") != "function_call_output",
                 f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item.")
            seen.items.append({"kind": "reasoning", "key": key})
        else:
            need(False, f"Invalid value: '{kind}' ({path}.type)")
    missing = [call for call in calls if call not in results]
    need(not missing, f"No tool output found for function call {', '.join(missing)}.")
    check_reasoning_returns(seen, issued)
    return seen


# ---- Anthropic messages ----

ANTHROPIC_FIELDS = set("""model messages max_tokens system tools tool_choice temperature top_p top_k stream
stop_sequences thinking metadata service_tier container mcp_servers output_config cache_control""".split())


def anthropic_image(block, path):
    source = block.get("source") or {}
    if source.get("type") == "url":
        return image(source.get("url"), path)
    need(source.get("type") == "base64" and source.get("media_type") in (
        "image/jpeg", "image/png", "image/gif", "image/webp"), f"{path}.source.media_type: Input should be an image type")
    return image(f"data:{source['media_type']};base64,{source['data']}", path)


def anthropic_result(block, path):
    known(block, {"type", "tool_use_id", "content", "is_error", "cache_control"},
          f"{path}.{{}}: Extra inputs are not permitted")
    text, images, content = [], [], block.get("content", "")
    for n, part in enumerate([{"type": "text", "text": content}] if isinstance(content, str) and content else content):
        need(part.get("type") in ("text", "image"), f"{path}.content.{n}: Input should be text or image")
        if part["type"] == "text":
            need(part["text"], f"{path}.content.{n}: text content blocks must be non-empty")
            text.append(part["text"])
        else:
            images.append(anthropic_image(part, f"{path}.content.{n}"))
    return {"kind": "result", "id": block["tool_use_id"], "text": "".join(text), "images": images,
            "is_error": block.get("is_error", False)}


def read_anthropic(body, issued, extra):
    known(body, ANTHROPIC_FIELDS | extra, "{}: Extra inputs are not permitted")
    need(body.get("model"), "model: Field required")
    need("max_tokens" in body, "max_tokens: Field required")
    need(typed(body["max_tokens"], int, "max_tokens") >= 1, "max_tokens: Input should be greater than or equal to 1")
    check_number(body, "temperature", 0, 1)
    check_number(body, "top_p", 0, 1)
    need(not ("temperature" in body and "top_p" in body),
         "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    seen = Seen(max_tokens=body["max_tokens"])
    system = body.get("system", "")
    if not isinstance(system, str):
        need(all(block.get("text") for block in system), "system: text content blocks must be non-empty")
        system = "".join(block["text"] for block in system)
    seen.system = system
    for n, tool in enumerate(body.get("tools") or []):
        known(tool, {"name", "description", "input_schema", "cache_control", "type", "strict"},
              f"tools.{n}.custom.{{}}: Extra inputs are not permitted")
        need(isinstance(tool.get("input_schema"), dict), f"tools.{n}.custom.input_schema: Field required")
        check_tool(tool.get("name"), tool["input_schema"], False, f"tools.{n}.custom")
        seen.tools.append(tool["name"])
    thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    if thinking:
        need(body.get("temperature", 1) == 1, "`temperature` may only be set to 1 when thinking is enabled.")
        if body["thinking"]["type"] == "enabled":
            need(1024 <= body["thinking"].get("budget_tokens", 0) < body["max_tokens"],
                 "`max_tokens` must be greater than `thinking.budget_tokens`, which must be at least 1024.")
    choice = body.get("tool_choice")
    if choice is not None:
        need(seen.tools, "tool_choice: may only be specified while providing tools.")
        known(choice, {"type", "name", "disable_parallel_tool_use"}, "tool_choice.{}: Extra inputs are not permitted")
        need(choice.get("type") in ("auto", "any", "none", "tool"), "tool_choice.type: Input should be auto, any, tool")
        need(choice["type"] != "none" or "disable_parallel_tool_use" not in choice,
             "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
        need(not (thinking and choice["type"] in ("any", "tool")),
             "Thinking may not be enabled when tool_choice forces tool use.")
        need(choice["type"] != "tool" or choice.get("name") in seen.tools, f"Tool '{choice.get('name')}' not found in provided tools")
        seen.tool_choice = choice.get("name") or {"any": "required"}.get(choice["type"], choice["type"])
    messages = typed(body.get("messages"), list, "messages")
    need(messages, "messages: at least one message is required")
    need(messages[0].get("role") == "user", "messages: first message must use the \"user\" role")
    pending, before = [], None
    for n, message in enumerate(messages):
        role, content, path = message.get("role"), message.get("content"), f"messages.{n}"
        known(message, {"role", "content"}, f"{path}.{{}}: Extra inputs are not permitted")
        need(role in ("user", "assistant"), f"{path}.role: Input should be 'user' or 'assistant'")
        need(role != before, 'messages: roles must alternate between "user" and "assistant"')
        before = role
        need(content, f"{path}: all messages must have non-empty content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        results = [b["tool_use_id"] for b in blocks if b.get("type") == "tool_result"]
        need(role == "user" or not results, f"{path}: `tool_result` blocks can only be in `user` messages")
        need(set(results) <= set(pending), f"{path}.content: unexpected `tool_use_id` found in `tool_result` blocks")
        need(len(results) == len(set(results)), f"{path}: each tool_use must have a single result")
        need(set(results) == set(pending), f"{path}: `tool_use` ids were found without `tool_result` blocks "
             f"immediately after: {', '.join(set(pending) - set(results))}")
        need(all(b["type"] == "tool_result" for b in blocks[:len(results)]),
             f"{path}: `tool_result` blocks must come first in the message")
        pending = anthropic_blocks(seen, issued, role, blocks, path)
    need(not pending, "messages: `tool_use` ids were found without `tool_result` blocks immediately after")
    need(before == "user" or not (messages[-1]["content"] if isinstance(messages[-1]["content"], str)
         else messages[-1]["content"][-1].get("text", "")).endswith((" ", "\n")),
         "messages: final assistant content cannot end with trailing whitespace")
    if any(i["kind"] in ("call", "result") for i in seen.items):
        need(seen.tools, "Requests which include `tool_use` or `tool_result` blocks must define tools.")
    check_reasoning_returns(seen, issued)
    return seen


def anthropic_blocks(seen, issued, role, blocks, path):
    """Appends what one message says; returns the ids of its calls."""
    calls, text, images = [], [], []

    def flush():
        if text or images:
            seen.items.append({"kind": "message", "role": role, "text": "".join(text), "images": list(images)})
            text.clear()
            images.clear()

    for m, block in enumerate(blocks):
        kind, where = block.get("type"), f"{path}.content.{m}"
        if kind == "text":
            known(block, {"type", "text", "cache_control", "citations"}, f"{where}.{{}}: Extra inputs are not permitted")
            need(isinstance(block.get("text"), str) and block["text"].strip(),
                 "messages: text content blocks must contain non-whitespace text")
            text.append(block["text"])
        elif kind == "image":
            need(role == "user", f"{where}: images are only allowed in user messages")
            images.append(anthropic_image(block, where))
        elif kind == "tool_result":
            flush()
            seen.items.append(anthropic_result(block, where))
        elif kind == "tool_use":
            flush()
            known(block, {"type", "id", "name", "input", "cache_control"}, f"{where}.{{}}: Extra inputs are not permitted")
            need(role == "assistant", f"{where}: `tool_use` blocks can only be in `assistant` messages")
            need(isinstance(block.get("id"), str) and re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]),
                 f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
            need(isinstance(block.get("input"), dict), f"{where}.tool_use.input: Input should be a valid dictionary")
            need(block["id"] not in calls, f"{path}: `tool_use` ids must be unique")
            calls.append(block["id"])
            seen.items.append({"kind": "call", "id": block["id"], "name": block["name"], "arguments": block["input"]})
        else:
            need(kind in ("thinking", "redacted_thinking") and role == "assistant", f"{where}: Input tag '{kind}' found")
            flush()
            key = block.get("signature") or block.get("data")
            need(key in issued.reasoning, f"{where}: Invalid `signature` in `thinking` block")
            need(issued.reasoning[key] == block, f"{where}: `thinking` blocks in the latest assistant message cannot be "
                                                 "modified. These blocks must remain as they were in the original.")
            need(not calls, f"{where}: `thinking` blocks have to come before `tool_use` blocks")
            seen.items.append({"kind": "reasoning", "key": key})
    flush()
    return calls


READERS = {"chat": read_chat, "responses": read_responses, "anthropic": read_anthropic}


def read(wire, body, issued, extra=frozenset()):
    typed(body, dict, "body")
    try:
        return READERS[wire](body, issued, extra)
    except (KeyError, TypeError, AttributeError) as odd:
        raise Refused(f"the request is not well formed: {odd!r}") from odd
