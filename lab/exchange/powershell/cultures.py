"""Languages of Windows that the old server can speak: number formats, account names, folder names, words of errors.

Sources: .NET's CultureInfo (NumberGroupSeparator; fr-FR is U+00A0 up to Windows 7 and U+202F since ICU); Windows' names
of well-known SIDs by language (MicrosoftDocs/windows-powershell-docs 2120, FastTrack 178, the README of
Export-RecipientPermissions); Outlook's names of default folders (a mailbox takes the language of its first sign-in).
"""

from __future__ import annotations

from dataclasses import dataclass, field

SELF, SYSTEM = "S-1-5-10", "S-1-5-18"
_ENGLISH_DENIED = "Access is denied."
_ENGLISH_MISSING = "The operation couldn't be performed because object '{0}' couldn't be found on '{1}'."


@dataclass(frozen=True)
class Culture:
    """group, decimal: separators of numbers. accounts: SID -> name. folders: English path -> name of the folder."""

    group: str = ","
    decimal: str = "."
    accounts: dict[str, str] = field(
        default_factory=lambda: {SELF: "NT AUTHORITY\\SELF", SYSTEM: "NT AUTHORITY\\SYSTEM"}
    )
    folders: dict[str, str] = field(default_factory=dict)
    denied: str = _ENGLISH_DENIED
    missing: str = _ENGLISH_MISSING

    def folder(self, path: str) -> str:
        """A folder's path as the mailbox shows it."""
        top, *below = path.split("/")
        return "/".join([self.folders.get(top, top), *below])

    def number(self, value: float, pattern: str) -> str:
        """`number(1234.5, ",.1f")` as the culture writes it."""
        plain = format(value, pattern)
        return plain.translate({ord(","): self.group, ord("."): self.decimal})


_GERMAN = {
    "Inbox": "Posteingang", "Sent Items": "Gesendete Elemente", "Deleted Items": "Gelöschte Elemente",
    "Drafts": "Entwürfe", "Outbox": "Postausgang", "Calendar": "Kalender", "Contacts": "Kontakte",
    "Tasks": "Aufgaben", "Notes": "Notizen", "Journal": "Journal", "Junk E-Mail": "Junk-E-Mail",
    "Top of Information Store": "Oberste Ebene des Informationsspeichers",
}  # fmt: skip
_FRENCH = {
    "Inbox": "Boîte de réception", "Sent Items": "Éléments envoyés", "Deleted Items": "Éléments supprimés",
    "Drafts": "Brouillons", "Outbox": "Boîte d'envoi", "Calendar": "Calendrier", "Contacts": "Contacts",
    "Tasks": "Tâches", "Notes": "Notes", "Journal": "Journal", "Junk E-Mail": "Courrier indésirable",
    "Top of Information Store": "Banque d'informations",
}  # fmt: skip
_JAPANESE = {
    "Inbox": "受信トレイ", "Sent Items": "送信済みアイテム", "Deleted Items": "削除済みアイテム",
    "Drafts": "下書き", "Outbox": "送信トレイ", "Calendar": "予定表", "Contacts": "連絡先",
    "Tasks": "仕事", "Notes": "メモ", "Journal": "履歴", "Junk E-Mail": "迷惑メール",
    "Top of Information Store": "インフォメーション ストアの先頭",
}  # fmt: skip
_GERMAN_ACCOUNTS = {SELF: "NT-AUTORITÄT\\SELBST", SYSTEM: "NT-AUTORITÄT\\SYSTEM"}
_FRENCH_ACCOUNTS = {SELF: "AUTORITE NT\\SELF", SYSTEM: "AUTORITE NT\\Système"}
_GERMAN_ERRORS = (
    "Zugriff verweigert",
    "Der Vorgang konnte nicht ausgeführt werden, weil das Objekt '{0}' auf '{1}' nicht gefunden wurde.",
)
_FRENCH_ERRORS = ("Accès refusé", "Impossible d'effectuer l'opération, car l'objet '{0}' est introuvable sur '{1}'.")

CULTURES: dict[str, Culture] = {
    "en-US": Culture(),
    "de-DE": Culture(".", ",", _GERMAN_ACCOUNTS, _GERMAN, *_GERMAN_ERRORS),
    "de-CH": Culture("\u2019", ".", _GERMAN_ACCOUNTS, _GERMAN, *_GERMAN_ERRORS),
    "fr-FR": Culture("\u202f", ",", _FRENCH_ACCOUNTS, _FRENCH, *_FRENCH_ERRORS),
    "sv-SE": Culture("\u00a0", ",", {SELF: "NT INSTANS\\SJÄLV", SYSTEM: "NT INSTANS\\SYSTEM"}),
    "ja-JP": Culture(
        folders=_JAPANESE,
        denied="アクセスが拒否されました。",
        missing="オブジェクト '{0}' が '{1}' で見つからなかったため、操作を実行できませんでした。",
    ),
}
"""By .NET's name. Japanese Windows writes numbers and accounts as English does."""
