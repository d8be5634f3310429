"""A provider of language models on the loopback address: both wire forms, its state, and faults on demand."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-secret-7f3a9"

Reply = Callable[[dict[str, Any], dict[str, Any]], Any]


def retold(record: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """An answer from the record's own words."""
    return {"value": " ".join(record["observed"].split()).capitalize(), "sources": ["title"], "certainty": 0.7}


class Provider:
    """Serves ``/v1/chat/completions`` and ``/v1/messages``; refuses requests that the real ones would refuse.

    Attributes
    ----------
    reply : callable
        Gives the answer to one record; None leaves it out, the text "refuse" makes the model refuse them all.
    faults : list of str
        What happens to the next requests, one each; then they are answered.
    prompts, bodies : list
        What was sent.
    most_at_once : int
        Requests that were in work at the same time.
    """

    def __init__(self, reply: Reply = retold) -> None:
        self.reply = reply
        self.faults: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.meet: threading.Barrier | None = None
        self.released = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    provider._serve(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def prompts(self) -> list[dict[str, Any]]:
        """The user messages, parsed."""
        return [json.loads(body["messages"][-1]["content"]) for body in self.bodies]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """Every record that was asked about, in any request."""
        return [record for prompt in self.prompts for record in prompt["records"]]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            fault = self.faults.pop(0) if self.faults else ""
        try:
            if self.meet is not None:
                self.meet.wait(20)
            self._answer(handler, body, fault)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], fault: str) -> None:
        form = _OpenAI if handler.path == "/v1/chat/completions" else _Anthropic
        if (complaint := form.complaint(handler.headers, body)) is not None:
            return _send(handler, complaint, {"error": {"message": f"no: {KEY}", "type": "invalid_request_error"}})
        if fault.isdigit():
            advice = {"Retry-After": "7"} if fault == "429" else {}
            return _send(handler, int(fault), {"error": {"message": f"no: {KEY}", "type": "error"}}, advice)
        if fault == "hang":
            self.released.wait(30)
            return _send(handler, 200, {})
        if fault == "html":
            return _send_bytes(handler, b"<html>One moment</html>", {"Content-Type": "text/html"})
        if fault == "half":
            return _send_bytes(handler, b'{"choices": [', {"Content-Type": "application/json"})
        if fault == "empty":
            return _send(handler, 200, {})
        if fault == "trickle":
            return self._trickle(handler)
        prompt = json.loads(body["messages"][-1]["content"])
        answers = [(one["number"], self.reply(one, prompt["problem"])) for one in prompt["records"]]
        is_refused = fault == "refusal" or any(answer == "refuse" for _, answer in answers)
        given = [{"number": number, **answer} for number, answer in answers if isinstance(answer, dict)]
        text = {
            "malformed": '{"answers": [{"number": 1, "value": ',
            "wrong-schema": json.dumps({"answers": [{"number": "one", "value": 3}]}),
            "wrong-number": json.dumps({"answers": [one | {"number": one["number"] + 40} for one in given]}),
            "doubled": json.dumps({"answers": [*given, *given]}),
            "huge": json.dumps({"answers": given, "more": "x" * 3_000_000}),
            "long-value": json.dumps({"answers": [one | {"value": "mug " * 5_000} for one in given]}),
        }.get(fault, json.dumps({"answers": given}))
        if fault == "cut":
            text = text[: len(text) // 2]
        sent = form.answer("" if is_refused else text, refused=is_refused, cut=fault == "cut")
        if fault == "packed":
            packed = gzip.compress(json.dumps(sent).encode())
            return _send_bytes(handler, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        return _send(handler, 200, sent)

    def _trickle(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not self.released.wait(0.05):
            handler.wfile.write(b" ")


class _OpenAI:
    @staticmethod
    def complaint(headers: Any, body: dict[str, Any]) -> int | None:
        """OpenAI API reference, "Create chat completion"; strict schemas close every object and require every property."""
        if headers["authorization"] not in (f"Bearer {KEY}", "Bearer none"):
            return 401
        form = body["response_format"]["json_schema"]
        closed = form["schema"]["additionalProperties"] is False and form["schema"]["required"] == ["answers"]
        roles = [message["role"] for message in body["messages"]]
        is_right = form["strict"] and closed and roles == ["system", "user"] and body["max_completion_tokens"] > 0
        return None if is_right else 400

    @staticmethod
    def answer(text: str, *, refused: bool, cut: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": text or None, "refusal": "I cannot." if refused else None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "small",
            "choices": [{"index": 0, "finish_reason": "length" if cut else "stop", "message": message}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }


class _Anthropic:
    @staticmethod
    def complaint(headers: Any, body: dict[str, Any]) -> int | None:
        """Claude API reference, "Messages" and "Structured outputs"; since version 2026-10-21 sampling parameters are refused."""
        if headers["authorization"] not in (f"Bearer {KEY}", "Bearer none"):
            return 401
        if {"temperature", "top_p", "top_k"} & set(body) or headers["anthropic-version"] < "2026-10-21":
            return 400
        form = body["output_config"]["format"]
        is_right = form["type"] == "json_schema" and form["schema"]["additionalProperties"] is False
        is_right = is_right and [message["role"] for message in body["messages"]] == ["user"]
        return None if is_right and body["system"] and body["max_tokens"] > 0 else 400

    @staticmethod
    def answer(text: str, *, refused: bool, cut: bool) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "small",
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": "refusal" if refused else "max_tokens" if cut else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 20},
        }


def _send(
    handler: BaseHTTPRequestHandler, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
) -> None:
    _send_bytes(handler, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})}, status)


def _send_bytes(handler: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str], status: int = 200) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
