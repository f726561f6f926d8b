"""One server whose models answer over every wire format, for the tests of a whole module:

    with WiresServer(cloche, environments, folder, {"words": script, …}) as wires:
        wires.server, wires.provider, wires.client()
        {"model": MODELS["anthropic"], "input": "words"}     answered by that script

`scripts` is as provider_script.asked takes them, so tests do not disturb each other, whatever their order. The
models are priced: a token of input costs 1 µ$, of output 2 µ$.
"""
import json

from .provider import Provider, asked
from .server import Server

MODELS = {"chat": "openai/gpt-scripted", "responses": "second/gpt-scripted", "anthropic": "anthropic/claude-scripted"}
PRICE = {"input": 1, "output": 2}


class WiresServer:
    def __init__(self, cloche, environments, folder, scripts, *flags, **options):
        self.provider = Provider(asked(scripts), **options)
        self.folder, self.flags, self.cloche, self.environments = folder, flags, cloche, environments

    def __enter__(self):
        self.provider.start()
        able = {"tools": True, "images": True}
        config = self.folder / "config.json"
        config.write_text(json.dumps({
            "providers": {"second": {"wire": "responses", "base_url": f"{self.provider.url}/v1",
                                     "api_key_env": "OPENAI_API_KEY"}},
            "models": {"second/*": {**able, "reasoning": True}, "openai/*": able},
            "prices": {"gpt-scripted": PRICE, "claude-scripted": PRICE}}))
        env = {**self.provider.environment("anthropic"), **self.provider.environment("chat")}
        try:
            self.server = Server(self.cloche, self.folder / "state", self.environments, "--config", str(config),
                                 "--find-local", "off", *self.flags, env=env).start()
        except BaseException:
            self.provider.stop()
            raise
        self.url, self.client = self.server.url, self.server.client
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.provider.stop()
        assert not self.provider.violations, "a strict vendor would have refused:\n" + "\n".join(self.provider.violations)
