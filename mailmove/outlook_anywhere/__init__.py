"""Connectivity analyzer: can Microsoft's migration service reach this server by Outlook Anywhere?"""

from mailmove.outlook_anywhere.analyzer import check_certificate, check_server
from mailmove.outlook_anywhere.autodiscover import Names
from mailmove.outlook_anywhere.issuer import fetch_issuer
from mailmove.outlook_anywhere.password_rule import PasswordRule
from mailmove.outlook_anywhere.steps import Step
from mailmove.outlook_anywhere.whole import analyze, system_names

__all__ = [
    "Names",
    "PasswordRule",
    "Step",
    "analyze",
    "check_certificate",
    "check_server",
    "fetch_issuer",
    "system_names",
]
