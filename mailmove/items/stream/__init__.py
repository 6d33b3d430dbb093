"""The item stream: what ExportItems gives and the mailbox import takes, written from typed properties.

    from_ews -> item -> writer -> envelope -> bytes

Pure: no network, no files. Sources: MS-OXCFXICS 2.2.4 (stream), MS-OXWSBTRF and the page of UploadItems (envelope),
MS-OXCDATA 2.11 (types and values), MS-OXPROPS (properties).
"""
