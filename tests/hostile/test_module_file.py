"""The module file: the cmdlets of a token, the current key, how a PSCredential travels; or that it is not shown."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_town import Town, opened_town
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from blocks.microsoft365.credential import TWO_WAYS
from blocks.microsoft365.credential_code import credential_form
from blocks.microsoft365.module_file import module_file
from blocks.microsoft365.powershell_text import NotUnderstood
from lab.cloud.module_file import ModuleFile
from lab.hostile import be_hostile
from mailmove.errors import Blocked
from mailmove.plan.load import load_plan
from tasks.accounts.block_findings import block_findings

MAKES_IT = {"mover": "native", "endpoint": None}
SECRET = "pa55 wörd"
KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with opened_town() as town:
        yield town


@pytest.fixture(autouse=True)
def friendly(town: Town) -> Iterator[None]:
    yield
    town.faults.clear()


def xml(key: rsa.RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    modulus, exponent = (
        base64.b64encode(n.to_bytes((n.bit_length() + 7) // 8)).decode() for n in (numbers.n, numbers.e)
    )
    return f"<RSAKeyValue><Modulus>{modulus}</Modulus>\n  <Exponent>{exponent}</Exponent></RSAKeyValue>"


SEAL = """function %s {
    [CmdletBinding()]
    param([Parameter(Mandatory=$true)] [AllowNull()] $UnsecureString, [string]$Key = $script:PublicKey)
    process {
        $RSA = New-Object -TypeName System.Security.Cryptography.RSACryptoServiceProvider;
        $RSA.FromXmlString($Key); # the key } of the service
        $bytes = [System.Text.Encoding]::%s.GetBytes($UnsecureString)
        $result = [byte[]]$RSA.Encrypt($bytes, %s)
        return [System.Convert]::ToBase64String($result)
    }
}
"""


def code(
    branch: str, helper: str = "", seal: str = "Protect-Value", encoding: str = "UTF8", oaep: str = "$false"
) -> str:
    key = f'$Script:PublicKey = "{xml(KEY)}"'
    sealing = SEAL % (seal, encoding, oaep)
    return f"{key}\n<# function Old {{ #>\n{sealing}{helper}\nfunction Send {{ param($value)\n{branch}\n}}\n"


FORMS = {
    "a table": """if ($value -is [PSCredential]) { $out['Credentials'] = [ordered]@{ '@odata.type' = '#Exchange.Some'
        UserName = $value.UserName; Secret = Protect-Value $value.GetNetworkCredential().Password } }""",
    "members added": """elseif ($value.GetType().FullName -eq "System.Management.Automation.PSCredential") {
        $made = New-Object System.Collections.Hashtable
        [void]$made.Add('UserName', $value.UserName)
        $made['Secret'] = (Protect-Value -UnsecureString $value.GetNetworkCredential().Password)
        $made."@odata.type" = '#Exchange.Some'
        $out[$key] = $made }""".replace('$made."@odata.type"', "$made['@odata.type']"),
    "by a pointer": """if ($value -is [System.Management.Automation.PSCredential]) {
        $pointer = [System.Runtime.InteropServices.Marshal]::SecureStringToBSTR($value.Password)
        $plain = [System.Runtime.InteropServices.Marshal]::PtrToStringBSTR($pointer)
        [System.Runtime.InteropServices.Marshal]::ZeroFreeBSTR($pointer)
        $sealed = Protect-Value $plain
        $made = @{}
        $made.Add('@odata.type', '#Exchange.Some') | Out-Null
        $made.UserName = $value.UserName
        $made.Secret = $sealed
        return $made }""",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("encoding", "oaep"), [("UTF8", "$false"), ("Unicode", "$false"), ("UTF8", "$true")])
def test_the_form_is_read_from_the_code_whatever_its_style(form: str, encoding: str, oaep: str) -> None:
    read = credential_form(code(FORMS[form], encoding=encoding, oaep=oaep))
    made = read.fill("CONTOSO\\mover", SECRET, KEY.public_key())
    assert set(made) == {"@odata.type", "UserName", "Secret"} and made["UserName"] == "CONTOSO\\mover"
    assert made["@odata.type"] == "#Exchange.Some" and "pa55" not in json.dumps(made)
    kind: Any = padding.PKCS1v15()
    if oaep == "$true":
        kind = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    opened = KEY.decrypt(base64.b64decode(made["Secret"]), kind)
    assert opened.decode("utf-16-le" if encoding == "Unicode" else "utf-8") == SECRET


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "if ($value -is [PSCredential]) { $out[$key] = [Some.Class]::Wrap($value) }",
        "if ($value -is [PSCredential]) { $out[$key] = @{ UserName = $value.UserName } }",
        "if ($value -is [PSCredential]) { $o = @{ U = $value.UserName; P = $value.GetNetworkCredential().Password } }",
        "if ($value -is [PSCredential]) { $out[$key] = @{ U = $value.UserName; P = Other-Seal $value.Password } }",
        "if ($value -is [PSCredential]) { $out[$key] = @{ U = $value.UserName; P = Protect-Value $value.UserName } }",
        "if ($value -is [PSCredential]) { $out[$key] = \"$($value.UserName)\" }",
        "if ($value -is [PSCredential]) { if ($x) { $out[$key] = 1 } }",
        "if ($value -is [PSCredential]) { $o = @{ U = $value.UserName; P = Protect-Value $value.GetNetworkCredential(",
        "if ($value -is [PSCredential]) { $m = @{}; $m.Add($name, $value.UserName); $out[$key] = $m }",
        f"{FORMS['a table']}\n{FORMS['a table'].replace('Secret', 'Other')}",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_never_guessed(branch: str) -> None:
    with pytest.raises(NotUnderstood):
        credential_form(code(branch))


def test_the_key_is_the_one_of_the_function_that_seals() -> None:
    old = rsa.generate_private_key(65537, 2048)
    text = code(FORMS["a table"]).replace("$RSA.FromXmlString($Key)", "$RSA.FromXmlString($script:PublicKey)")
    two = f"$script:PreviousKey = '{xml(old)}'\n{text}"
    read = module_file({"value": [{"fileName": "ExchangeOnline.psm1", "fileContent": two}]})
    assert read.key == KEY.public_key() and read.form is not None and not read.unread
    strange = two.replace("PublicKey", "Other", 1)
    lost = module_file({"value": {"fileContent": strange}})
    assert lost.key is None and lost.unread, "two keys, and neither is that of the function"


@pytest.mark.parametrize(
    "value",
    [
        [{"exportedCmdlets": "Get-A,Get-B"}],
        [{"fileName": "x"}, {"exportedCmdlets": ["Get-A", "Get-B"]}],
        {"exportedCmdlets": "Get-A, Get-B"},
        [{"ExportedCmdlets": "Get-A"}, {"exportedCmdlets": ["Get-B"]}],
        [{"fileContent": "function script:Get-A {}\nfunction script:Get-B\n{\n}"}],
        [None, 5, {"exportedCmdlets": ["Get-A,Get-B", None]}],
    ],
)
def test_cmdlets_are_read_in_every_shape(value: Any) -> None:
    assert module_file({"value": value}).cmdlets == {"Get-A", "Get-B"}


@pytest.mark.parametrize("value", [None, [], {}, "text", [{"exportedCmdlets": ""}], [{"exportedCmdlets": 5}]])
def test_what_is_not_shown_is_not_proved(value: Any) -> None:
    read = module_file({"value": value})
    assert read.cmdlets is None and read.unread


def test_preflight_reads_all_three_and_the_service_opens_what_is_sealed(town: Town) -> None:
    for hostile in ((), ("module_file",), ("module_file", "regional_host")):
        town.faults.clear()
        be_hostile(town.faults, hostile)
        tenant = town.tenant(exchange_public_key=None)
        assert tenant.findings() == []
        exchange, admin = tenant._parts().exchange, town.cloud._admin
        for _ in range(2):  # the key may change in between
            sent = exchange.credential("CONTOSO\\mover", SecretStr(SECRET), None)
            assert admin.read_credential(sent) == ("CONTOSO\\mover", SECRET)


def test_a_key_of_the_block_is_not_preferred_to_the_services_own(town: Town) -> None:
    stale = town.tenant()
    be_hostile(town.faults, ("module_file",))
    for _ in range(3):
        sent = stale._parts().exchange.credential("u", SecretStr(SECRET), stale.exchange_public_key)
        assert town.cloud._admin.read_credential(sent) == ("u", SECRET)


def test_an_unreadable_serialiser_is_said_at_preflight_with_both_ways_out(town: Town) -> None:
    town.faults.set("admin.module_unreadable")
    tenant = town.tenant(exchange_public_key=None)
    [finding] = tenant.findings()
    assert finding.subject == "exchange_public_key" and finding.todo == TWO_WAYS
    assert "exchange_by" in finding.todo and "powershell" in finding.todo and "target: {endpoint: NAME}" in finding.todo
    with pytest.raises(Blocked) as caught:
        tenant._parts().exchange.credential("u", SecretStr(SECRET), None)
    assert caught.value.todo == TWO_WAYS and SECRET not in str(caught.value)


def test_it_stops_preflight_only_where_mailmove_makes_the_endpoint(town: Town) -> None:
    town.faults.set("admin.module_unreadable")
    tenant = town.tenant(exchange_public_key=None)
    plan = load_plan(Path(__file__).parents[2] / "docs" / "plan.example.yaml")
    [finding] = block_findings(plan.model_copy(update={"target": plan.target.model_copy(update=MAKES_IT)}), tenant)
    assert finding.subject == "exchange_public_key" and finding.blocks
    for spared in ({"endpoint": "made-by-hand"}, {"mover": "direct"}):
        target = plan.target.model_copy(update={**MAKES_IT, **spared})
        assert block_findings(plan.model_copy(update={"target": target}), tenant) == []


def test_a_list_of_cmdlets_that_is_not_shown_is_a_finding(town: Town) -> None:
    town.faults.set("admin.module_silent")
    [role, serialiser] = town.tenant(exchange_public_key=None).findings()
    assert role.subject == "Exchange Administrator role" and "not proved" in role.seen and not role.blocks
    assert serialiser.todo == TWO_WAYS


def test_the_lab_opens_with_the_key_before_the_current_one_and_no_older(town: Town) -> None:
    be_hostile(town.faults, ("module_file",))
    lab = ModuleFile(town.faults)
    first = module_file(lab.answer(["Get-A"]))
    assert first.form is not None and first.key is not None
    sent = first.form.fill("u", SECRET, first.key)
    lab.answer([])
    assert lab.read(sent) == ("u", SECRET)
    lab.answer([])
    with pytest.raises(ValueError):
        lab.read(sent)
