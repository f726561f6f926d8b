"""A real `cloche serve` for tests: started on port 0, stopped without a trace."""
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import httpx

from support import machine

READY_SECONDS = 90  # the first warm-up of data-science on a cold machine


class Server:
    """One supervisor and all below it. Used as a context manager, or start() and stop()."""

    def __init__(self, cloche, state, environments, *arguments, env=None, prefix=(), listen=("127.0.0.1:0",)):
        self.cloche, self.state = Path(cloche), Path(state)
        self.environments, self.arguments = Path(environments), list(arguments)
        self.env, self.prefix, self.listen = env or {}, list(prefix), list(listen)
        self.log_path = self.state.parent / f"{self.state.name}.log"
        self.process = self.url = None

    def start(self, wait_ready=True):
        self.state.mkdir(parents=True, exist_ok=True)
        read_end, write_end = os.pipe()
        command = [*self.prefix, str(self.cloche), "serve", "--state", str(self.state),
                   "--environments", str(self.environments), "--ready-fd", str(write_end)]
        for address in self.listen:
            command += ["--listen", address]
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and k != "CLOCHE_MUST_WORK"}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command + self.arguments, pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment | self.env, start_new_session=True)
        os.close(write_end)
        try:
            self.addresses = self._read_addresses(read_end)
        finally:
            os.close(read_end)
        ports = [m.group(1) for m in map(re.compile(r"127\.0\.0\.1:(\d+)").search, self.addresses) if m]
        if ports:
            self.port = int(ports[0])
            self.url = f"http://127.0.0.1:{self.port}"
            if wait_ready:
                self.wait_ready()
        return self

    def _read_addresses(self, descriptor):
        """What the server writes on its ready descriptor, one address for each --listen."""
        text, deadline = b"", time.monotonic() + READY_SECONDS
        while text.count(b"\n") < len(self.listen):
            left = deadline - time.monotonic()
            readable = select.select([descriptor], [], [], max(0, min(left, 0.2)))[0]
            if readable:
                piece = os.read(descriptor, 4096)
                if not piece:
                    break
                text += piece
            elif self.process.poll() is not None or left <= 0:
                break
        addresses = text.decode().split()
        if len(addresses) < len(self.listen):
            status = self.process.poll()
            self.kill()
            raise AssertionError(f"cloche serve did not become ready (status {status}):\n{self.log()[-4000:]}")
        return addresses

    def wait_ready(self):
        """Until the default environment is warm; where it is not built, /readyz never says so."""
        path = "/readyz" if (self.environments / "data-science" / "current").exists() else "/healthz"
        with self.client(timeout=10) as client:
            machine.wait_until(lambda: client.get(path).status_code == 200, READY_SECONDS, path)

    def client(self, **options):
        """A client of this server. trust_env off: a proxy of the machine is none of ours."""
        return httpx.Client(base_url=self.url, trust_env=False, **{"timeout": 90, **options})

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # -- the processes below the one that was started ------------------------------------------------

    def processes(self):
        return machine.descendants(self.process.pid)

    def named(self, name):
        """Those whose program is cloche-NAME (the kernel keeps 15 characters)."""
        return [p for p in self.processes() if p.name == f"cloche-{name}"[:15]]

    def server_process(self):
        """The unprivileged server: the program `cloche` itself, below the supervisor."""
        found = [p for p in self.processes() if p.pid != self.process.pid and "__server" in p.command()]
        return found[0] if found else None

    def kill_server(self):
        """SIGKILL to the unprivileged server, and until the supervisor's next one answers.

        The one that dies may still take a connection, or even answer it: what counts is an answer that
        was asked for after another process had taken its place."""
        victim = self.server_process()
        os.kill(victim.pid, signal.SIGKILL)
        self.wait_for_next_server(victim)

    def wait_for_next_server(self, victim, seconds=60):
        """Until another process than `victim`, which was killed, answers. A client may go on as it was."""
        def replaced():
            process = self.server_process()
            return process is not None and process.pid != victim.pid

        machine.wait_until(replaced, seconds, "a new server process")
        machine.wait_until(self.answers, seconds, "an answer of the next server")

    def answers(self):
        """Whether /healthz is answered, over a connection of its own; a broken one is no answer."""
        try:
            with self.client(timeout=10) as client:
                return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def zygotes(self):
        """Interpreters in their ground's own pid namespace: kernels are in their sandbox's."""
        wardens = {p.pid: machine.namespace(p.pid) for p in self.named("warden")}
        return [p for p in self.processes() if p.parent in wardens and p.pid not in wardens
                and machine.namespace(p.pid) == wardens[p.parent] and not p.name.startswith("cloche")]

    # -- its end -------------------------------------------------------------------------------------

    def stop(self, seconds=20):
        """SIGTERM, then proof that nothing is left. Returns the exit status."""
        if self.process is None:
            return None
        family = self.processes()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"cloche serve ignored SIGTERM for {seconds} s:\n{self.log()[-4000:]}")
        self.expect_gone(family)
        self.expect_sane()
        pid, self.process = self.process.pid, None
        machine.wait_until(lambda: not machine.cgroups_of(pid), 3, f"the end of every cgroup of supervisor {pid}")
        return status

    def expect_sane(self):
        """In a build with sanitizers: no program had anything to report, leaks at its end included."""
        log = self.log()
        found = re.search(r"ERROR: \w+Sanitizer|runtime error:", log)
        assert not found, log[max(0, found.start() - 200):][:6000]

    def kill(self):
        """SIGKILL to the supervisor; what follows it is the kernel's doing."""
        family = self.processes() if self.process else []
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait(10)
        return family

    @staticmethod
    def expect_gone(family, seconds=3):
        try:
            machine.wait_until(lambda: not any(p.alive() for p in family), seconds)
        except AssertionError:
            left = "\n".join(str(p) for p in family if p.alive())
            for process in family:
                if process.alive():
                    os.kill(process.pid, signal.SIGKILL)
            raise AssertionError(f"left behind {seconds} s after the end:\n{left}") from None

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.stop()
