"""A real gateway as upstream: a LiteLLM proxy, which speaks all three wires and was written by others.

Its models are answered by a scripted provider behind it (`backend`), in another wire than they are asked in, so that
every request of ours is read, and every answer written, by LiteLLM's own code:

    chat-on-anthropic, responses-on-anthropic, anthropic-on-responses, …: WIRE-on-BACKEND
    mock        no backend: LiteLLM's own mock_response, with fenced code in it
    mock-429, mock-500, mock-context     LiteLLM's own errors

    litellm.play([Turn(…), …])           the fixture (conftest.py); its backend is checked for violations as any

The first start takes about 12 s. Needs build/litellm-venv: tools/test-venv litellm-venv requirements-litellm.txt.
"""
import json
import os
import socket
import subprocess
import time

import httpx

from support.provider import KEY, Provider

START_SECONDS = 120
MOCK = "Bonjour 🌱 from a mock.\n\n```python\nprint(6 * 7)\n```\n"
ERRORS = {"mock-429": "litellm.RateLimitError", "mock-500": "litellm.InternalServerError",
          "mock-context": "litellm.ContextWindowExceededError"}
# how LiteLLM is told which wire it speaks to its backend
BACKENDS = {"chat": ("hosted_vllm/gpt-scripted", "/v1"), "responses": ("openai/gpt-scripted", "/v1"),
            "anthropic": ("anthropic/claude-scripted", "")}


class LitellmProxy:
    key = "sk-litellm-0123456789"

    def __init__(self, python, folder):
        self.python, self.folder = python, folder
        self.log_path = folder / "litellm.log"
        self.backend = Provider([])
        self.process = None

    def config(self):
        def model(name, **params):
            return {"model_name": name, "litellm_params": params}

        models = [model("mock", model="openai/gpt-4o-mini", api_key="none", mock_response=MOCK)]
        models += [model(name, model="openai/gpt-4o-mini", api_key="none", mock_response=error)
                   for name, error in ERRORS.items()]
        models += [model(f"{wire}-on-{backend}", model=name, api_base=self.backend.url + path, api_key=KEY)
                   for wire in BACKENDS for backend, (name, path) in BACKENDS.items()]
        return {"model_list": models, "general_settings": {"master_key": self.key},
                "litellm_settings": {"num_retries": 0}, "router_settings": {"num_retries": 0}}

    def start(self):
        self.backend.start()
        config = self.folder / "config.yaml"  # JSON is YAML, but for escaped surrogates
        config.write_text(json.dumps(self.config(), ensure_ascii=False), encoding="utf-8")
        for _ in range(3):  # it takes no descriptor: somebody may take the port between us
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self.launch(config, port)
            if self.answers():
                return self
        raise AssertionError(f"the LiteLLM proxy did not start:\n{self.log_path.read_text()[-3000:]}")

    def launch(self, config, port):
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and k != "PYTHONPATH"}
        environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_DOCS": "True",
                        "DISABLE_ADMIN_UI": "True", "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.python.parent / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port),
                 "--telemetry", "False"], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)

    def answers(self):
        """Until it answers, or has ended."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health/liveliness", timeout=5, trust_env=False).status_code == 200:
                    return True
            except httpx.HTTPError:
                time.sleep(0.1)
        self.end()
        return False

    def play(self, script, **options):
        """From now on the backend says this."""
        backend = self.backend
        backend.script, backend.answered = script, 0
        backend.order = options.get("order", "requests")
        backend.requests.clear()
        backend.violations.clear()
        return backend

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def stop(self):
        self.end()
        self.backend.stop()
