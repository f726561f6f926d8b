"""A turn of a script as each vendor's bytes: chat completions, Responses, Anthropic messages.

Each wire has stream(turn), which yields the bytes of events and the script's happenings in
between; whole(turn), the JSON of an answer that is not streamed; fail(fail), an error in mid-stream;
refuse(refuse), an error instead of an answer. Nothing here knows sockets.
"""
import json

from .provider_script import Call, Happening, Reasoning, Refusal, Text

CREATED = 1761853223


def _dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Wire:
    """One answer: its ids come from `number`, unique in one provider."""

    def __init__(self, request, number, model):
        self.request, self.number, self.model = request, number, model
        self.quirks = frozenset()

    def id(self, prefix, part=0):
        return f"{prefix}{self.number:016x}{part:08x}"

    def call_id(self, call, part):
        return call.id or self.id(self.call_prefix, part)  # a call of a script may be said many times

    def event(self, data, name=None):
        """The frame of one event, with the quirks of framing."""
        end = "\r\n" if "crlf" in self.quirks else "\n"
        text = data if isinstance(data, str) else _dump(data)
        line = f"event: {name}{end}" if name else ""
        comment = f": PROCESSING{end}{end}" if "comments" in self.quirks else ""
        space = "" if "no_space" in self.quirks else " "
        return f"{comment}{line}data:{space}{text}{end}{end}".encode()

    @staticmethod
    def cut(pieces, make):
        for piece in pieces:
            yield piece if isinstance(piece, Happening) else make(piece)


# kind: (status, type, code, message)
OPENAI_ERRORS = {
    "authentication": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-ab***yz."),
    "rate_limit": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests"),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded, please try again later"),
    "server_error": (500, "server_error", "server_error", "The server had an error while processing your request"),
    "context_length": (400, "invalid_request_error", "context_length_exceeded",
                       "This model's maximum context length is 8192 tokens."),
    "content_filter": (400, "invalid_request_error", "content_filter",
                       "The response was filtered due to the prompt triggering the content management policy."),
    "model_not_found": (404, "invalid_request_error", "model_not_found", "The model does not exist"),
    "invalid": (400, "invalid_request_error", None, "Invalid request"),
}
ANTHROPIC_ERRORS = {
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "rate_limit": (429, "rate_limit_error", "This request would exceed your rate limit"),
    "quota": (402, "billing_error", "Your credit balance is too low to access the API"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server_error": (500, "api_error", "Internal server error"),
    "context_length": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "content_filter": (400, "invalid_request_error", "Output blocked by content filtering policy"),
    "model_not_found": (404, "not_found_error", "model: claude-nope"),
    "invalid": (400, "invalid_request_error", "messages: Invalid request"),
}


class OpenAI(Wire):
    call_prefix = "call_"

    def error(self, kind, message=None):
        _, type_, code, text = OPENAI_ERRORS[kind]
        return {"message": message or text, "type": type_, "param": None, "code": code}

    def refuse(self, refuse):
        status = OPENAI_ERRORS[refuse.kind][0]
        return refuse.status or status, _dump({"error": self.error(refuse.kind, refuse.message)}).encode()


class Chat(OpenAI):
    FINISH = {"stop": "stop", "calls": "tool_calls", "length": "length", "content_filter": "content_filter"}

    def usage(self, usage):
        return {"prompt_tokens": usage.input, "completion_tokens": usage.output,
                "total_tokens": usage.input + usage.output,
                "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
                "completion_tokens_details": {"reasoning_tokens": usage.reasoning}}

    def finish(self, turn):
        return "stop" if "finish_stop" in self.quirks and turn.finish == "calls" else self.FINISH[turn.finish]

    def chunk(self, delta, finish=None, **more):
        return self.event({"id": self.id("chatcmpl-"), "object": "chat.completion.chunk", "created": CREATED,
                           "model": self.model, "choices": [{"index": 0, "delta": delta, "logprobs": None,
                                                             "finish_reason": finish}], **more})

    def call(self, call, part, arguments, first=True):
        made = {"index": part}
        if first or "repeat_ids" in self.quirks:
            made |= {"id": self.call_id(call, part), "type": "function"}
        if "no_ids" in self.quirks:
            made.pop("id", None)
        if "no_index" in self.quirks:
            made.pop("index")
        function = {"name": call.name} if "type" in made else {}
        if "object_arguments" in self.quirks:
            arguments = json.loads(arguments)
        return made | {"function": {**function, "arguments": arguments}} | (call.extra if first else {})

    def stream(self, turn):
        if "azure" in self.quirks:
            yield self.event({"id": "", "object": "", "created": 0, "model": "", "choices": [],
                              "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]})
        yield self.chunk({"role": "assistant", "content": ""})
        part = -1
        for block in turn.blocks:
            if isinstance(block, Call):
                part += 1
                yield from self.call_chunks(block, part)
            else:
                key = ("content" if isinstance(block, Text) else "refusal" if isinstance(block, Refusal)
                       else "reasoning" if "reasoning_key" in self.quirks else "reasoning_content")
                yield from self.cut(block.pieces, lambda piece: self.chunk({key: piece}))
        yield self.chunk({}, self.finish(turn))
        if (self.request.get("stream_options") or {}).get("include_usage") and "no_usage" not in self.quirks:
            yield self.event({"id": self.id("chatcmpl-"), "object": "chat.completion.chunk", "created": CREATED,
                              "model": self.model, "choices": [], "usage": self.usage(turn.usage)})
        if "no_done" not in self.quirks:
            yield self.event("[DONE]")

    def call_chunks(self, block, part):
        if self.quirks & {"whole_calls", "object_arguments"}:
            yield self.chunk({"tool_calls": [self.call(block, part, block.text)]})
            return
        yield self.chunk({"tool_calls": [self.call(block, part, "")]})
        yield from self.cut(block.pieces,
                            lambda piece: self.chunk({"tool_calls": [self.call(block, part, piece, first=False)]}))

    def whole(self, turn):
        join = lambda kind: "".join(b.text for b in turn.blocks if isinstance(b, kind))
        message = {"role": "assistant", "content": join(Text) or None, "refusal": join(Refusal) or None,
                   "annotations": []}
        if join(Reasoning):
            message["reasoning" if "reasoning_key" in self.quirks else "reasoning_content"] = join(Reasoning)
        if turn.calls:
            message["tool_calls"] = [self.call(call, part, call.text) for part, call in enumerate(turn.calls)]
            for call in message["tool_calls"]:
                call.pop("index", None)
        answer = {"id": self.id("chatcmpl-"), "object": "chat.completion", "created": CREATED, "model": self.model,
                  "choices": [{"index": 0, "message": message, "finish_reason": self.finish(turn), "logprobs": None}],
                  "service_tier": "default"}
        return answer if "no_usage" in self.quirks else answer | {"usage": self.usage(turn.usage)}

    def fail(self, fail):
        yield self.event({"error": self.error(fail.kind)})


class Responses(OpenAI):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sequence, self.output = 0, []

    def say(self, type_, **fields):
        made = self.event({"type": type_, "sequence_number": self.sequence, **fields}, type_)
        self.sequence += 1
        return made

    def response(self, status, turn=None, **more):
        incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}
        finish = turn.finish if turn and status != "in_progress" else None
        usage = None if not finish or "no_usage" in self.quirks else {
            "input_tokens": turn.usage.input, "input_tokens_details": {"cached_tokens": turn.usage.cached, "cache_write_tokens": turn.usage.written},
            "output_tokens": turn.usage.output,
            "output_tokens_details": {"reasoning_tokens": turn.usage.reasoning},
            "total_tokens": turn.usage.input + turn.usage.output}
        return {"id": self.id("resp_"), "object": "response", "created_at": CREATED, "status": status,
                "background": False, "error": None, "instructions": self.request.get("instructions"),
                "incomplete_details": {"reason": incomplete[finish]} if finish in incomplete else None,
                "max_output_tokens": self.request.get("max_output_tokens"), "model": self.model,
                "output": list(self.output), "parallel_tool_calls": self.request.get("parallel_tool_calls", True),
                "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
                "store": self.request.get("store", True), "temperature": self.request.get("temperature", 1),
                "text": self.request.get("text") or {"format": {"type": "text"}},
                "tool_choice": self.request.get("tool_choice", "auto"), "tools": self.request.get("tools") or [],
                "top_p": 1, "truncation": "disabled", "usage": usage, "metadata": {}, **more}

    def item(self, block, index, done):
        """An output item as it is when it begins or when it is done."""
        status = "completed" if done else "in_progress"
        if isinstance(block, Call):
            return {"id": self.id("fc_", index), "type": "function_call", "status": status, "name": block.name,
                    "call_id": self.call_id(block, index), "arguments": block.text if done else ""}
        if isinstance(block, Reasoning):
            made = {"id": self.id("rs_", index), "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": block.text}] if done and not block.hidden else []}
            if "reasoning.encrypted_content" in (self.request.get("include") or []):
                made["encrypted_content"] = f"encrypted:{self.number}:{index}:{block.text}" if done else ""
            return made
        return {"id": self.id("msg_", index), "type": "message", "status": status, "role": "assistant",
                "content": [self.part(block, block.text)] if done else []}

    @staticmethod
    def part(block, text):
        if isinstance(block, Refusal):
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def stream(self, turn):
        yield self.say("response.created", response=self.response("in_progress"))
        yield self.say("response.in_progress", response=self.response("in_progress"))
        for index, block in enumerate(turn.blocks):
            item = self.item(block, index, False)
            at = {"item_id": item["id"], "output_index": index}
            yield self.say("response.output_item.added", output_index=index, item=item)
            if isinstance(block, Call):
                yield from self.cut(block.pieces, lambda piece: self.say(
                    "response.function_call_arguments.delta", **at, delta=piece))
                yield self.say("response.function_call_arguments.done", **at, name=block.name, arguments=block.text)
            elif isinstance(block, Reasoning):
                yield from self.reasoning(block, at)
            else:
                yield from self.message(block, at | {"content_index": 0})
            self.output.append(self.item(block, index, True))
            yield self.say("response.output_item.done", output_index=index, item=self.output[-1])
        status = "incomplete" if turn.finish in ("length", "content_filter") else "completed"
        yield self.say(f"response.{status}", response=self.response(status, turn))

    def reasoning(self, block, at):
        if block.hidden:
            return
        at = at | {"summary_index": 0}
        yield self.say("response.reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""})
        yield from self.cut(block.pieces, lambda piece: self.say(
            "response.reasoning_summary_text.delta", **at, delta=piece))
        yield self.say("response.reasoning_summary_text.done", **at, text=block.text)
        yield self.say("response.reasoning_summary_part.done", **at,
                       part={"type": "summary_text", "text": block.text})

    def message(self, block, at):
        refusal = isinstance(block, Refusal)
        name, more = ("refusal", {}) if refusal else ("output_text", {"logprobs": []})
        yield self.say("response.content_part.added", **at, part=self.part(block, ""))
        yield from self.cut(block.pieces, lambda piece: self.say(f"response.{name}.delta", **at, delta=piece, **more))
        done = {"refusal": block.text} if refusal else {"text": block.text, **more}
        yield self.say(f"response.{name}.done", **at, **done)
        yield self.say("response.content_part.done", **at, part=self.part(block, block.text))

    def whole(self, turn):
        self.output = [self.item(block, index, True) for index, block in enumerate(turn.blocks)]
        return self.response("incomplete" if turn.finish in ("length", "content_filter") else "completed", turn)

    def fail(self, fail):
        error = self.error(fail.kind)
        error["code"] = error["code"] or error["type"]
        if fail.flat:
            yield self.say("error", code=error["code"], message=error["message"], param=None)
            return
        yield self.say("error", error=error)
        yield self.say("response.failed", response=self.response(
            "failed", error={"code": error["code"], "message": error["message"]}))


class Anthropic(Wire):
    call_prefix = "toolu_"
    FINISH = {"stop": "end_turn", "calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}

    def usage(self, usage):
        return {"input_tokens": usage.input - usage.cached - usage.written, "cache_creation_input_tokens": usage.written,
                "cache_read_input_tokens": usage.cached, "output_tokens": usage.output}

    def message(self, content, turn, stop=None):
        usage = self.usage(turn.usage)
        if stop is None:
            usage["output_tokens"] = 1
        return {"id": self.id("msg_"), "type": "message", "role": "assistant", "model": self.model,
                "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}

    def say(self, type_, **fields):
        return self.event({"type": type_, **fields}, type_)

    def block(self, block, index, done):
        text = block.text if done else ""
        if isinstance(block, Call):
            try:
                arguments = json.loads(block.text) if done and block.text.strip() else {}
            except ValueError:
                arguments = block.text  # no vendor does that; a gateway might
            return {"type": "tool_use", "id": self.call_id(block, index), "name": block.name, "input": arguments}
        if isinstance(block, Reasoning) and block.hidden:
            return {"type": "redacted_thinking", "data": self.signature(block, index)}
        if isinstance(block, Reasoning):
            return {"type": "thinking", "thinking": text, "signature": self.signature(block, index) if done else ""}
        return {"type": "text", "text": text}

    def signature(self, block, index):
        return f"signed:{self.number}:{index}:{len(block.text)}"

    def stream(self, turn):
        yield self.say("message_start", message=self.message([], turn))
        for index, block in enumerate(turn.blocks):
            yield self.say("content_block_start", index=index, content_block=self.block(block, index, False))
            if index == 0:
                yield self.say("ping")
            kind, key = (("input_json_delta", "partial_json") if isinstance(block, Call) else
                         ("thinking_delta", "thinking") if isinstance(block, Reasoning) else ("text_delta", "text"))
            delta = lambda **fields: self.say("content_block_delta", index=index, delta=fields)
            if isinstance(block, Call):
                yield delta(type=kind, **{key: ""})
            yield from self.cut(block.pieces, lambda piece: delta(type=kind, **{key: piece}))
            if isinstance(block, Reasoning) and not block.hidden:
                yield delta(type="signature_delta", signature=self.signature(block, index))
            yield self.say("content_block_stop", index=index)
        usage = {} if "no_usage" in self.quirks else {"usage": {"output_tokens": turn.usage.output}}
        yield self.say("message_delta", delta={"stop_reason": self.FINISH[turn.finish], "stop_sequence": None}, **usage)
        yield self.say("message_stop")

    def whole(self, turn):
        content = [self.block(block, index, True) for index, block in enumerate(turn.blocks)]
        made = self.message(content, turn, self.FINISH[turn.finish])
        if "no_usage" in self.quirks:
            del made["usage"]
        return made

    def envelope(self, kind, message=None):
        _, type_, text = ANTHROPIC_ERRORS[kind]
        return {"type": "error", "error": {"type": type_, "message": message or text},
                "request_id": self.id("req_")}

    def fail(self, fail):
        yield self.event(self.envelope(fail.kind), "error")

    def refuse(self, refuse):
        status = ANTHROPIC_ERRORS[refuse.kind][0]
        return refuse.status or status, _dump(self.envelope(refuse.kind, refuse.message)).encode()


WIRES = {"chat": Chat, "responses": Responses, "anthropic": Anthropic}
