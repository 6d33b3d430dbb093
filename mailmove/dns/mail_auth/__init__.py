"""SPF, DKIM, DMARC, MTA-STS and TLS-RPT records."""
