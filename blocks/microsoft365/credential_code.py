"""How Microsoft's module puts a PSCredential into a request, read from the module's own code.

The code that the admin endpoint hands out (`EXOModuleFile`) turns parameters into JSON. What is known of it: a secret
is sealed by a function around `RSACryptoServiceProvider.FromXmlString` and `.Encrypt` (ExoHelper, EncryptValue.ps1),
and objects are hash tables that are filled member by member. Which members a PSCredential gets, no public source shows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from blocks.microsoft365.powershell_text import Function, NotUnderstood, Token, closing, functions, split, tokens

Part = Literal["user", "password"]
_QUIET = ("write-verbose", "write-debug", "continue", "break")
_MARSHAL = "runtime.interopservices.marshal"
_PLAIN_FROM = ("ptrtostringauto", "ptrtostringbstr", "ptrtostringuni")


@dataclass(frozen=True)
class Seal:
    """How a secret is sealed. oaep: padding with SHA-1 instead of PKCS #1 v1.5."""

    encoding: str
    oaep: bool

    def close(self, secret: str, key: rsa.RSAPublicKey) -> str:
        """Base64. ValueError: the secret is too long for the key."""
        kind = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None) if self.oaep else padding.PKCS1v15()  # noqa: S303
        return base64.b64encode(key.encrypt(secret.encode(self.encoding), kind)).decode()


@dataclass(frozen=True)
class Sealed:
    part: Part
    seal: Seal


@dataclass(frozen=True)
class Text:
    """A member that is always the same."""

    text: str


Member = Text | Sealed | Part


@dataclass(frozen=True)
class CredentialForm:
    """Members of the object in a request, in their order; the password only sealed."""

    members: tuple[tuple[str, Member], ...]

    def fill(self, user: str, password: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
        secrets: dict[Part, str] = {"user": user, "password": password}
        body: dict[str, Any] = {}
        for name, member in self.members:
            if isinstance(member, Text):
                body[name] = member.text
            elif isinstance(member, Sealed):
                body[name] = member.seal.close(secrets[member.part], key)
            else:
                body[name] = secrets[member]
        return body


@dataclass(frozen=True)
class _Mark:
    """A value on its way: credential, network, user, secure, pointer, password, encoded."""

    kind: str


Value = Any
"""_Mark, Text, Sealed, or a dictionary: a hash table that is being filled."""


def credential_form(source: str) -> CredentialForm:
    """What the module's text says. NotUnderstood: nothing in it does it, or in a way that is not known here."""
    known = functions(tokens(source))
    forms: list[CredentialForm] = []
    why = "no code for a PSCredential"
    for function in known.values():
        for subject, block in _sites(function):
            try:
                reader = _Reader(known, {subject: _Mark("credential")})
                forms.append(_checked(reader.block(block)))
            except NotUnderstood as error:
                why = str(error)
    if not forms:
        raise NotUnderstood(why)
    if any(form != forms[0] for form in forms):
        raise NotUnderstood("more than one form of a PSCredential")
    return forms[0]


def sealing_key_name(source: str) -> str:
    """Name of the variable that holds the key of the function that seals; "": no such function."""
    for function in functions(tokens(source)).values():
        body = function.body
        for place, token in enumerate(body[:-2]):
            if token.low == "fromxmlstring" and body[place + 2].kind == "variable":
                return body[place + 2].low.removeprefix("$").rpartition(":")[2]
    return ""


def _sites(function: Function) -> list[tuple[str, list[Token]]]:
    """(what is a PSCredential there, the block for it) of each condition that asks for one."""
    sites: list[tuple[str, list[Token]]] = []
    body = function.body
    for place, token in enumerate(body[:-1]):
        if token.low not in ("if", "elseif") or body[place + 1].text != "(":
            continue
        end = closing(body, place + 1)
        condition = body[place + 2 : end]
        if not any("pscredential" in part.low.rpartition(".")[2] for part in condition):
            continue
        opened = next(at for at in range(end + 1, len(body)) if body[at].kind != "end")
        if body[opened].text == "{":
            sites.append((_subject(condition), body[opened + 1 : closing(body, opened)]))
    return sites


def _subject(condition: list[Token]) -> str:
    """What a condition asks about: `$x -is [type]`, `$x.GetType() -eq [type]`, `$x.GetType().FullName -eq '...'`."""
    for place, token in enumerate(condition):
        if token.low == "-is":
            return _spelt(condition[:place])
        if token.low == "gettype" or token.low.startswith("gettype."):
            return _spelt(condition[: place - 1])
    raise NotUnderstood("a condition on PSCredential")


def _spelt(part: list[Token]) -> str:
    return "".join(token.low for token in part if token.kind != "end")


def _checked(value: Value) -> CredentialForm:
    if not isinstance(value, dict):
        raise NotUnderstood("a PSCredential that becomes no object")
    members: list[tuple[str, Member]] = []
    for name, member in value.items():
        if isinstance(member, _Mark) and member.kind == "user":
            members.append((name, "user"))
        elif isinstance(member, (Text, Sealed)):
            members.append((name, member))
        else:
            raise NotUnderstood(f"the member {name}")
    parts = [member.part if isinstance(member, Sealed) else member for _, member in members]
    if parts.count("user") != 1 or parts.count("password") != 1:
        raise NotUnderstood("an object without user name and sealed password")
    return CredentialForm(tuple(members))


class _Reader:
    """Follows one block. places: what is known of a variable or of an element, by its spelling."""

    def __init__(self, known: dict[str, Function], places: dict[str, Value], depth: int = 0) -> None:
        self._known, self._places, self._depth = known, places, depth
        self._given: Value = None

    def block(self, body: list[Token]) -> Value:
        """What the block puts into an element that is not its own, returns, or leaves."""
        for statement in split(body, "end"):
            self._statement(statement)
        return self._given

    def _statement(self, part: list[Token]) -> None:
        part = _without_casts(part)
        piped = split(part, "|")
        if len(piped) == 2 and _spelt(piped[1]) == "out-null":
            part = piped[0]
        if part and part[0].low == "$null" and len(part) > 1 and part[1].text == "=":
            part = part[2:]
        if not part or part[0].low in _QUIET or "zerofreebstr" in [token.low for token in part]:
            return
        sides = split(part, "=")
        if len(sides) == 2:
            self._assign(sides[0], self.value(sides[1]))
        elif part[0].low == "return":
            self._given = self.value(part[1:])
        elif not self._added(part):
            self._given = self.value(part)

    def _assign(self, place: list[Token], value: Value) -> None:
        owner, name = self._element(place)
        if owner is not None:
            owner[name] = value
        elif len(place) == 1 and place[0].kind == "variable":
            self._places[place[0].low] = value
        else:  # $Parameters[$key] = ...: an element of something that is not ours
            self._places[_spelt(place)] = self._given = value

    def _element(self, place: list[Token]) -> tuple[dict[str, Value] | None, str]:
        """(table, name of a member) where a place is an element of a table that is being filled."""
        table = self._places.get(place[0].low) if place else None
        if not isinstance(table, dict) or len(place) < 2:
            return None, ""
        if place[1].text == "[" and len(place) == 4 and place[2].kind == "text":
            return table, place[2].text
        if place[1].text == "." and len(place) == 3:
            return table, place[2].text
        raise NotUnderstood("an element of a table")

    def _added(self, part: list[Token]) -> bool:
        """$table.Add('name', value)"""
        if len(part) < 5 or part[1].text != "." or part[2].low != "add" or part[3].text != "(":
            return False
        table = self._places.get(part[0].low)
        given = split(part[4 : closing(part, 3)], ",")
        if not isinstance(table, dict) or len(given) != 2 or len(given[0]) != 1 or given[0][0].kind != "text":
            raise NotUnderstood("something added")
        table[given[0][0].text] = self.value(given[1])
        return True

    def value(self, part: list[Token]) -> Value:
        part = _without_casts(_trimmed(part))
        if not part:
            raise NotUnderstood("nothing as a value")
        known = self._longest(part)
        if known is not None:
            value, rest = known
            return self._members(value, rest)
        first = part[0]
        if first.kind == "text" and len(part) == 1:
            return Text(first.text)
        if first.text == "(":
            end = closing(part, 0)
            return self._members(self.value(part[1:end]), part[end + 1 :])
        if first.text == "@{" and closing(part, 0) == len(part) - 1:
            return self._table(part[1:-1])
        if first.text == "[":
            return self._static(part)
        if first.kind == "word":
            return self._called(first.low, part[1:])
        raise NotUnderstood(f"a value that begins with {first.text[:20]}")

    def _longest(self, part: list[Token]) -> tuple[Value, list[Token]] | None:
        for length in range(len(part), 0, -1):
            if (value := self._places.get(_spelt(part[:length]))) is not None:
                return value, part[length:]
        return None

    def _table(self, inside: list[Token]) -> dict[str, Value]:
        table: dict[str, Value] = {}
        for entry in split(inside, "end"):
            name, *rest = split(entry, "=")
            if len(name) != 1 or len(rest) != 1 or name[0].kind not in ("text", "word"):
                raise NotUnderstood("an entry of a table")
            table[name[0].text] = self.value(rest[0])
        return table

    def _members(self, value: Value, rest: list[Token]) -> Value:
        """A value, and what is asked of it: .UserName, .GetNetworkCredential().Password."""
        names = [name for token in rest if token.kind == "word" for name in token.low.split(".")]
        if any(token.text not in (".", "(", ")") for token in rest if token.kind != "word"):
            raise NotUnderstood("what is asked of a value")
        for name in names:
            key = (value.kind if isinstance(value, _Mark) else "", name)
            if key not in _MEMBERS:
                raise NotUnderstood(f".{name} of a value")
            value = _Mark(_MEMBERS[key])
        return value

    def _static(self, part: list[Token]) -> Value:
        """[Runtime.InteropServices.Marshal]::PtrToStringBSTR(...) and the like."""
        end = closing(part, 0)
        kind, rest = _spelt(part[1:end]).removeprefix("system."), part[end + 1 :]
        if len(rest) < 4 or rest[0].text != "::" or rest[2].text != "(":
            raise NotUnderstood(f"[{kind[:40]}]")
        name, shut = rest[1].low, closing(rest, 2)
        if kind in ("hashtable", "collections.hashtable") and name == "new" and shut == 3:
            return {}
        argument = self.value(rest[3:shut])
        mark = argument.kind if isinstance(argument, _Mark) else ""
        if kind == _MARSHAL and name == "securestringtobstr" and mark == "secure":
            return _Mark("pointer")
        if kind == _MARSHAL and name in _PLAIN_FROM and mark == "pointer":
            return _Mark("password")
        raise NotUnderstood(f"[{kind[:40]}]::{name}")

    def _called(self, name: str, given: list[Token]) -> Value:
        if name == "new-object":
            words = [token.low for token in given if token.kind == "word" and not token.text.startswith("-")]
            if words in (["hashtable"], ["system.collections.hashtable"], ["collections.hashtable"]):
                return {}
            raise NotUnderstood("New-Object")
        function = self._known.get(name)
        if function is None or self._depth > 3:
            raise NotUnderstood(f"a call of {name[:40]}")
        places = self._arguments(function, given)
        seal = _seal(function)
        if seal is None:
            return _Reader(self._known, places, self._depth + 1).block(function.body)
        [secret] = places.values() if len(places) == 1 else [None]
        if isinstance(secret, _Mark) and secret.kind in ("user", "password"):
            part: Part = "user" if secret.kind == "user" else "password"
            return Sealed(part, seal)
        raise NotUnderstood(f"what {name[:40]} seals")

    def _arguments(self, function: Function, given: list[Token]) -> dict[str, Value]:
        """Arguments by their variables. One with a name comes behind `-Name`; the others take the places in turn."""
        places: dict[str, Value] = {}
        free = list(function.parameters)
        for name, part in _named(given):
            if name is None:
                name = next(iter(free), "")
            if name not in free:
                raise NotUnderstood(f"an argument of {function.name[:40]}")
            free.remove(name)
            places[f"${name}"] = self.value(part)
        return places


_MEMBERS = {
    ("credential", "username"): "user",
    ("credential", "password"): "secure",
    ("credential", "getnetworkcredential"): "network",
    ("network", "password"): "password",
    ("network", "securepassword"): "secure",
}
"""Of NetworkCredential the user name is left out: it is without the domain."""
_CASTS = ("string", "system.string", "hashtable", "ordered", "pscustomobject", "void", "pscredential", "byte[]")


def _trimmed(part: list[Token]) -> list[Token]:
    """Without the ends of lines around it; those inside separate the entries of a table."""
    places = [place for place, token in enumerate(part) if token.kind != "end"]
    return part[places[0] : places[-1] + 1] if places else []


def _without_casts(part: list[Token]) -> list[Token]:
    while len(part) > 3 and part[0].text == "[":
        end = closing(part, 0)
        kind = _spelt(part[1:end])
        if end + 1 >= len(part) or part[end + 1].text == "::":
            break
        if kind not in _CASTS and not kind.endswith("pscredential"):
            break
        part = part[end + 1 :]
    return part


def _named(given: list[Token]) -> list[tuple[str | None, list[Token]]]:
    """Arguments of a command: (name or None, its tokens)."""
    found: list[tuple[str | None, list[Token]]] = []
    name: str | None = None
    place = 0
    while place < len(given):
        token = given[place]
        if token.kind == "word" and token.text.startswith("-"):
            name, place = token.low.removeprefix("-"), place + 1
            continue
        end = place + 1
        if token.kind == "open":
            end = closing(given, place) + 1
        while end < len(given) and given[end].text in (".", "[", "("):
            end = closing(given, end) + 1 if given[end].kind == "open" else end + 2
        found.append((name, given[place:end]))
        name, place = None, end
    return found


def _seal(function: Function) -> Seal | None:
    """What a function does that seals its argument by RSA; None: it does something else."""
    words = [token.low for token in function.body]
    if "fromxmlstring" not in words or "encrypt" not in words:
        return None
    spelt = _spelt(function.body)
    encodings: dict[str, Callable[[str], bool]] = {
        "utf-8": lambda text: "encoding]::utf8.getbytes(" in text,
        "utf-16-le": lambda text: "encoding]::unicode.getbytes(" in text,
    }
    found = [name for name, fits in encodings.items() if fits(spelt)]
    place = words.index("encrypt")
    arguments = split(function.body[place + 2 : closing(function.body, place + 1)], ",")
    flag = _spelt(arguments[1]) if len(arguments) == 2 else ""
    if len(found) != 1 or flag not in ("$true", "$false") or "convert]::tobase64string(" not in spelt:
        raise NotUnderstood(f"how {function.name[:40]} seals")
    return Seal(found[0], oaep=flag == "$true")
