# Runs cmdlets of Exchange Online for blocks/microsoft365/exchange_powershell.py, in one session.
#
# Each line of stdin is a request in JSON, each line of stdout that begins with "mailmove " its answer:
#   {"connect": {<parameters of Connect-ExchangeOnline>}}  -> {"value": []}
#   {"list": true}                                         -> {"value": [<names of the cmdlets that we may run>]}
#   {"cmdlet": "...", "parameters": {...}}                 -> {"value": [<objects>], "warnings": ["..."]}
# and of any of them {"error": {"kind", "id", "message"}}. Secrets come by stdin only; nothing is written to disk.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
[Console]::InputEncoding = [Text.UTF8Encoding]::new($false)
[Console]::OutputEncoding = [Text.UTF8Encoding]::new($false)

function ConvertTo-Argument($value) {
    if ($value -is [System.Collections.IDictionary]) {
        if ($value['@type'] -eq 'credential') {
            $secret = ConvertTo-SecureString -String $value['password'] -AsPlainText -Force
            return [pscredential]::new($value['user'], $secret)
        }
        $table = @{}
        foreach ($name in @($value.Keys)) { $table[$name] = ConvertTo-Argument $value[$name] }
        return $table
    }
    if ($value -is [array]) { return , @($value | ForEach-Object { ConvertTo-Argument $_ }) }
    return $value
}

function Write-Answer($answer) {
    $text = ConvertTo-Json -InputObject $answer -Depth 6 -Compress -EnumsAsStrings
    [Console]::Out.WriteLine("mailmove $text")
    [Console]::Out.Flush()
}

while ($null -ne ($line = [Console]::In.ReadLine())) {
    try {
        $request = ConvertFrom-Json -InputObject $line -AsHashtable
        if ($request.ContainsKey('connect')) {
            Import-Module ExchangeOnlineManagement -MinimumVersion 3.1.0
            if (Get-ConnectionInformation) { Disconnect-ExchangeOnline -Confirm:$false }
            $how = ConvertTo-Argument $request['connect']
            Connect-ExchangeOnline @how -ShowBanner:$false
            Write-Answer @{ value = @() }
        }
        elseif ($request.ContainsKey('list')) {
            Write-Answer @{ value = @(Get-Command -CommandType Function -Module 'tmpEXO_*' | ForEach-Object Name) }
        }
        else {
            $given = ConvertTo-Argument $request['parameters']
            $warned = @()
            $value = @(& $request['cmdlet'] @given -WarningVariable warned)
            Write-Answer @{ value = $value; warnings = @($warned | ForEach-Object { "$_" }) }
        }
    }
    catch {
        $kind, $id = $_.Exception.GetType().Name, $_.FullyQualifiedErrorId
        Write-Answer @{ error = @{ kind = $kind; id = $id; message = $_.Exception.Message } }
    }
}
