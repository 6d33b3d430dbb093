"""The module that `EXOModuleFile` hands out, and the keys in it.

Envelope: CIPP-API (`value.exportedCmdlets`, text with commas) and go-exoscc (`value`: [{fileName, fileContent}], one
`function script:<cmdlet>` each). Protect-Value and the style of the hash tables: ExoHelper EncryptValue.ps1 and a
public translation of the module (Protect-Value, ConvertTo-ByteArray, Transform-Parameters). UNVERIFIED: the members of
a PSCredential, and that the key stands there as text; no public source shows them.
"""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.faults import Faults, declare

declare(
    hostile_module_file="cmdlets as a list in another row, a new key at every reading, another form of PSCredential",
    admin_module_unreadable="the module's code for a PSCredential is of a kind that nobody has seen",
    admin_module_silent="EXOModuleFile names neither cmdlets nor files",
)
_USUAL = ("#Exchange.PSCredential", "UserName", "EncryptedPassword")
_OTHER = ("#Exchange.PSCredentialType", "User", "Password")
_SEAL = """
function Protect-Value
{
    param(
        [Parameter(Mandatory = $true)]
        [AllowEmptyString()]
        [AllowNull()]
        $UnsecureString
    )
    # Handling public key unavailability in client module for protection gracefully
    if ([string]::IsNullOrWhiteSpace($script:PublicKey))
    {
        throw 'Required resource is not available to continue execution.'
    }
    if (-not [string]::IsNullOrWhiteSpace($UnsecureString))
    {
        $RSA = New-Object -TypeName System.Security.Cryptography.RSACryptoServiceProvider
        $RSA.FromXmlString($script:PublicKey)
        $bytes = [System.Text.Encoding]::UTF8.GetBytes($UnsecureString)
        $result = [byte[]]$RSA.Encrypt($bytes, $false)
        $RSA.Dispose()
        $result = [System.Convert]::ToBase64String($result)
        return $result
    }
    return $UnsecureString
}
"""
_HELPER = """
function Convert-PSCredential
{
    param([Parameter(Mandatory = $true)] $Credential)
    $newParameter = @{}
    $newParameter.Add('@odata.type', '%s')
    $newParameter.Add('%s', $Credential.UserName)
    $newParameter.Add('%s', (Protect-Value -UnsecureString $Credential.GetNetworkCredential().Password))
    return $newParameter
}
"""
_BRANCHES = {
    "inline": """
        elseif ($Parameters[$key] -is [System.Management.Automation.PSCredential])
        {
            $result[$key] = @{
                '@odata.type' = '%s'
                '%s' = $Parameters[$key].UserName
                '%s' = Protect-Value $Parameters[$key].GetNetworkCredential().Password
            }
        }""",
    "helper": """
        elseif ($Parameters[$key].GetType().FullName -eq 'System.Management.Automation.PSCredential')
        {
            $result[$key] = Convert-PSCredential $Parameters[$key]
        }""",
    "unknown": """
        elseif ($Parameters[$key] -is [System.Management.Automation.PSCredential])
        {
            $result[$key] = [Microsoft.Exchange.Management.AdminApiProvider.Secrets]::Wrap($Parameters[$key])
        }""",
}


class ModuleFile:
    """Keys and text of the module. The current key and the one before it open what is sealed."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._keys = [_new_key()]

    @property
    def key(self) -> rsa.RSAPrivateKey:
        return self._keys[-1]

    def answer(self, cmdlets: list[str]) -> dict[str, Any]:
        if self._faults.take("admin.module_silent"):
            return {"value": []}
        hostile = self._faults.take("hostile.module_file")
        if hostile:
            # "MS rotates the key regularly; at least one version back is supported" (ExoHelper)
            self._keys = [*self._keys[-1:], _new_key()]
        members = _OTHER if hostile else _USUAL
        style = "helper" if hostile else "inline"
        if self._faults.take("admin.module_unreadable"):
            style = "unknown"
        code = self._code(cmdlets, style, members)
        manifest = {"fileName": "ExchangeOnline.psd1", "fileContent": "@{ ModuleVersion = '1.0' }"}
        script = {"fileName": "ExchangeOnline.psm1", "fileContent": code}
        if hostile:
            return {"value": [script, manifest | {"exportedCmdlets": cmdlets}]}
        return {"value": [manifest, script | {"exportedCmdlets": ",".join(cmdlets)}]}

    def read(self, shape: dict[str, Any]) -> tuple[str, str]:
        """(user, password) of a credential in a request. KeyError, ValueError: another form, or another key."""
        kind, user, password = _OTHER if self._faults.take("hostile.module_file") else _USUAL
        if shape.get("@odata.type") != kind:
            raise KeyError("@odata.type")
        secret = base64.b64decode(shape[password], validate=True)
        for key in reversed(self._keys):
            try:
                opened = key.decrypt(secret, padding.PKCS1v15()).decode()
            except ValueError:
                continue
            # Another key's secret opens as noise (OpenSSL's implicit rejection), which hardly is a password by chance.
            if len(self._keys) == 1 or (len(opened) >= 5 and opened.isprintable()):
                return str(shape[user]), opened
        raise ValueError("it cannot be opened")

    def _code(self, cmdlets: list[str], style: str, members: tuple[str, str, str]) -> str:
        filled = _BRANCHES[style] % members if "%s" in _BRANCHES[style] else _BRANCHES[style]
        parts = [
            f"$script:PublicKey = '{_xml(self.key.public_key())}'",
            _SEAL,
            _HELPER % members if style == "helper" else "",
            "function TransformParameters\n{\n    param($Parameters)\n    $result = @{}\n"
            "    foreach ($key in @($Parameters.Keys))\n    {\n"
            "        if ($Parameters[$key] -is [System.Management.Automation.SwitchParameter])\n        {\n"
            f"            $result[$key] = $Parameters[$key].ToBool()\n        }}{filled}\n"
            "        else\n        {\n            $result[$key] = $Parameters[$key]\n        }\n    }\n"
            "    return $result\n}",
            *(f"function script:{name}\n{{\n    [CmdletBinding()]\n    param()\n}}" for name in cmdlets),
        ]
        return "\n".join(parts) + "\n"


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _xml(key: rsa.RSAPublicKey) -> str:
    numbers = key.public_numbers()
    modulus, exponent = (
        base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode() for number in (numbers.n, numbers.e)
    )
    return f"<RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>{exponent}</Exponent></RSAKeyValue>"
