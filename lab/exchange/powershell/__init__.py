"""The lab's Windows PowerShell and Exchange cmdlets, over WSMan."""
