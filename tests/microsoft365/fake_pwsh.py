"""Stands for `pwsh` and its module: takes the script's requests on stdin and runs the cmdlets at the lab's cloud.

It is told where that is, and how to misbehave, by a file beside it: {"base", "ca", "public_key", "log", "fault"}. In
the log is what could be seen from outside: its command line and the names in its environment.
"""

import base64
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SETTINGS: dict[str, Any] = json.loads(Path(__file__).with_name("pwsh.json").read_text())
ANCHOR = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@lab"


def rest(token: str, tenant: str, cmdlet: str, parameters: dict[str, Any]) -> dict[str, Any]:
    given = parameters.get("Credentials")
    if isinstance(given, dict):
        assert given["@type"] == "credential"
        key: Any = load_pem_public_key(SETTINGS["public_key"].encode())
        sealed = base64.b64encode(key.encrypt(given["password"].encode(), padding.PKCS1v15())).decode()
        parameters["Credentials"] = {
            "@odata.type": "#Exchange.PSCredential", "UserName": given["user"], "EncryptedPassword": sealed,
        }  # fmt: skip
    request = urllib.request.Request(  # https of the lab
        f"{SETTINGS['base']}/adminapi/beta/{tenant}/InvokeCommand",
        data=json.dumps({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", "X-CmdletName": cmdlet,
                 "X-AnchorMailbox": ANCHOR},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=SETTINGS["ca"])) as answer:
            return {"value": json.load(answer)["value"], "warnings": ["a word of warning"]}
    except urllib.error.HTTPError as error:
        body = json.load(error)["error"]
        details = body.get("details") or [{"message": body["message"]}]
        return {"error": {"kind": "Exception", "message": details[0]["message"]}}


def main() -> None:
    with Path(SETTINGS["log"]).open("a") as log:
        log.write(json.dumps({"argv": sys.argv, "env": dict(os.environ)}) + "\n")
    connected: dict[str, str] = {}
    for line in sys.stdin:
        request = json.loads(line)
        fault = json.loads(Path(__file__).with_name("pwsh.json").read_text()).get("fault", "")
        print("WARNING: something that is no answer", flush=True)
        if "connect" in request:
            connected = request["connect"]
            answer: dict[str, Any] = {"value": []}
            if fault == "no module":
                text = "The specified module 'ExchangeOnlineManagement' was not loaded."
                error_id = "Modules_ModuleNotFound,Microsoft.PowerShell.Commands.ImportModuleCommand"
                answer = {"error": {"kind": "FileNotFoundException", "id": error_id, "message": text}}
            with Path(SETTINGS["log"]).open("a") as log:
                log.write(json.dumps({"connected": sorted(connected)}) + "\n")
        elif "list" in request:
            answer = {"value": ["Get-Mailbox"]}
        else:
            answer = rest(connected["AccessToken"], connected["Organization"], request["cmdlet"], request["parameters"])
        if fault == "dies":
            sys.exit(1)
        print("mailmove " + json.dumps(answer), flush=True)


main()
