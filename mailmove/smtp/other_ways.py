"""What a machine that sent through the old server can be given instead, as it is at the end of 2026.

Sources: Microsoft's message centre and Exchange team blog: basic SMTP AUTH goes off by default for existing tenants at
the end of December 2026 and is not there in new ones; High Volume Email (March 2026) reaches inside recipients only;
RejectDirectSend (MC1093237).
"""

OTHER_WAYS = (
    "a connector of type Partner by its address or certificate; SMTP submission with modern authentication (with a "
    "password it goes off by default at the end of December 2026); High Volume Email, which reaches people of the "
    "company only; or the new MX, for people of the company and where the tenant does not reject direct send"
)
