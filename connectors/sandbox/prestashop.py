"""The offline twin of a PrestaShop shop: its webservice as release 9.1.4 (or, on demand, 1.7) answers.

Written from the release's own classes: what a key may do, queries, JSON that is not regular, writes by XML alone that
replace the whole record, batches that stop half way, and error codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, SubElement, tostring

from connectors.sandbox.prestashop_fields import RESOURCES
from connectors.sandbox.prestashop_list import Problem, Question, Views, as_json, as_xml, chosen, rights, synopsis
from connectors.sandbox.prestashop_saving import save
from connectors.sandbox.prestashop_store import Shop
from connectors.sandbox.routes import Call, RoutedTwin, basic_of, route
from connectors.sandbox.server import Answer, Incoming

__all__ = ["TWIN", "PrestaShopTwin"]

_METHODS = "GET HEAD POST PUT PATCH DELETE"
_EVERYTHING = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class PrestaShopTwin(RoutedTwin):
    """One shop and one key.

    Parameters
    ----------
    version : str
        Release that the shop says it is. Before 8.0 it knows no PATCH.
    languages : int
        Of English, German, French.
    zone : str
        Time zone of the shop.
    **options
        As for `Twin`.

    Attributes
    ----------
    permissions : dict of str to frozenset of str
        Resource to the methods that the key may use.
    is_active : bool
        Whether the webservice is switched on.
    drops_authorization : bool
        Whether the server loses the header ``Authorization`` on the way, as PHP under FastCGI may.
    """

    name = "prestashop"
    state: Shop
    new_values: ClassVar[Mapping[str, str]] = {
        "attributes.short_description": "<p>In short.</p>",
        "attributes.meta_title": "Kettle and cup",
        "attributes.meta_description": "A kettle and a cup, two pieces.",
        "attributes.link_rewrite": "kettle-and-cup",
        "attributes.visibility": "catalog",
    }

    def __init__(
        self, *, version: str = "9.1.4", languages: int = 2, zone: str = "Europe/Paris", **options: Any
    ) -> None:
        super().__init__(**options)
        self.version = version
        self.state = Shop(self.clock, languages=languages, zone=zone)
        self.state.load(self.catalogue)
        self.permissions = dict.fromkeys(RESOURCES, _EVERYTHING)
        self.is_active = True
        self.drops_authorization = False
        self._key = "".join(self._secrets.choice(_LETTERS) for _ in range(32))

    @property
    def credentials(self) -> dict[str, str]:
        """Address and key."""
        return {"store_url": self.base_url, "webservice_key": self._key}

    def greeting(self) -> Incoming:
        """A list of orders, with the key in the query."""
        return Incoming("GET", "/api/orders", (("output_format", "JSON"), ("ws_key", self._key)), {}, b"")

    def unauthorised(self) -> Answer:
        """What an unknown key is told, in XML as long as nobody asks for JSON."""
        return self._refused(Problem(401, 20, "Authentification key is not active"), is_json=False)

    def identify(self, call: Call) -> Answer | None:
        """By HTTP Basic, else by the query."""
        try:
            self._identify(call)
        except Problem as problem:
            return self._refused(problem, is_json=_is_json(call))
        return None

    def _identify(self, call: Call) -> None:
        if not self.is_active:
            raise Problem(
                503, 22, "The PrestaShop webservice is disabled. Please activate it in the PrestaShop Back Office"
            )
        user = "" if self.drops_authorization else basic_of(call.incoming.headers)[0]
        key = user or call.query.get("ws_key")
        if key is None:
            raise Problem(401, 16, "Please enter the authentication key as the login. No password required")
        if not key:
            raise Problem(401, 17, "Authentication key is empty")
        if len(key) != 32:
            raise Problem(401, 18, "Invalid authentication key format")
        if key != self._key:
            raise Problem(401, 20, "Authentification key is not active")
        if call.query.get("id_shop", "1") not in ("1", "all"):
            raise Problem(403, 132, "No permission for this key on this shop")

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        """The time, and the release for those whom the shop knows."""
        sent = {"access-time": str(int(self.clock().timestamp())), "execution-time": "0.012"}
        known = {"psws-version": self.version} if self.identify(call) is None else {}
        return sent | known | {"x-powered-by": "PrestaShop Webservice"}

    def not_found(self, call: Call) -> Answer:
        """The page of the shop itself."""
        return Answer(404, b"<html><body>404</body></html>", {"content-type": "text/html; charset=utf-8"})

    @route(_METHODS, r"/api/?")
    def _root(self, call: Call) -> Answer:
        if _is_json(call):
            return Answer.json(200, sorted(self.permissions))
        return _xml(200, rights(self.permissions, self._address))

    @route(_METHODS, r"/api/([A-Za-z_]+)/?")
    def _many(self, call: Call) -> Answer:
        return self._answered(call, call.args[0], "")

    @route(_METHODS, r"/api/([A-Za-z_]+)/(\d+)")
    def _one(self, call: Call) -> Answer:
        return self._answered(call, *call.args)

    def _answered(self, call: Call, resource: str, key: str) -> Answer:
        try:
            self._admit(call.incoming.method, resource)
            if call.incoming.method in ("GET", "HEAD"):
                return self._shown(call, resource, key)
            if call.incoming.method == "DELETE":
                return self._deleted(resource, key)
            return self._saved(call, resource)
        except Problem as problem:
            return self._refused(problem, is_json=_is_json(call))

    def _admit(self, method: str, resource: str) -> None:
        if resource not in RESOURCES:
            raise Problem(400, 27, f'Resource of type "{resource}" does not exists')
        if resource not in self.permissions:
            raise Problem(401, 26, f'Resource of type "{resource}" is not allowed with this authentication key')
        if method == "PATCH" and not self._knows_patch:
            raise Problem(405, 23, f"Method {method} is not valid")
        if method in RESOURCES[resource].forbidden:
            raise Problem(405, 101, f"Method {method} is not allowed for the resource {resource}")
        if method not in self.permissions[resource]:
            raise Problem(
                405, 25, f"Method {method} is not allowed for the resource {resource} with this authentication key"
            )

    def _shown(self, call: Call, resource: str, key: str) -> Answer:
        question = Question(resource, call.incoming.query, self.state.languages)
        if call.query.get("schema") == "synopsis":
            return _xml(200, synopsis(resource, self.state.languages))
        views = Views(self.state, question)
        if key:
            row = self.state.collections[resource].get(key)
            if row is None:
                return Answer(404, b"", {"content-type": ""})
            display = question.display if "display" in question.plain else "full"
            return self._written(call, resource, [views.view(row, display)], is_list="display" in question.plain)
        rows = chosen(self.state, question)
        skipped, count = question.limit or (0, len(rows))
        page = self.window(rows, skipped, count)
        return self._written(call, resource, [views.view(row, question.display) for row in page], is_list=True)

    def _saved(self, call: Call, resource: str) -> Answer:
        method = call.incoming.method
        mail = call.query.get("sendemail", "") not in ("", "0")
        rows = save(self.state, resource, method, call.incoming.body, mail=mail)
        views = Views(self.state, Question(resource, call.incoming.query, self.state.languages))
        shown = [views.view(row, "full") for row in rows]
        return self._written(call, resource, shown, is_list=False, status=201 if method == "POST" else 200)

    def _deleted(self, resource: str, key: str) -> Answer:
        if key not in self.state.collections[resource]:
            raise Problem(404, 87, f"Id(s) not exists: {key or '0'}")
        del self.state.collections[resource][key]
        return Answer(200, b"", {"content-type": ""})

    def _written(
        self, call: Call, resource: str, views: list[dict[str, Any]], *, is_list: bool, status: int = 200
    ) -> Answer:
        if _is_json(call):
            return Answer(status, as_json(resource, views, is_list=is_list), {"content-type": "application/json"})
        return _xml(status, as_xml(resource, views, is_list=is_list, address=self._address))

    def _refused(self, problem: Problem, *, is_json: bool) -> Answer:
        if is_json:
            said = {"errors": [{"code": problem.code, "message": str(problem)}]}
            return Answer(problem.status, json.dumps(said).encode(), {"content-type": "application/json"})
        root = Element("prestashop")
        error = SubElement(SubElement(root, "errors"), "error")
        SubElement(error, "code").text = str(problem.code)
        SubElement(error, "message").text = str(problem)
        return _xml(problem.status, tostring(root, encoding="utf-8"))

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._port}/api"

    @property
    def _knows_patch(self) -> bool:
        return int(self.version.partition(".")[0]) >= 8


def _is_json(call: Call) -> bool:
    wanted = (call.query.get("output_format"), call.query.get("io_format"))
    sent = (call.incoming.headers.get("output-format"), call.incoming.headers.get("io-format"))
    return "JSON" in (*wanted, *sent)


def _xml(status: int, content: bytes) -> Answer:
    return Answer(status, content, {"content-type": "text/xml;charset=utf-8"})


TWIN = PrestaShopTwin
