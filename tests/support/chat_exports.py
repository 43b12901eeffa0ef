"""Exports of chat programs, small and of their real form, as langchain-community's chat loaders read them."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ADA, BOB = "Ada Lovelace", "Bob"


def whatsapp(folder: Path) -> Path:
    """A phone's export: a notice, several messages in a row, one of two lines, a picture left out."""
    lines = [
        "[05.11.26] this line is of no message",
        "[11/20/26, 9:01:00 AM] Bob: \u200eMessages and calls are end-to-end encrypted. No one outside of this "
        "chat, not even WhatsApp, can read or listen to them.",
        "[11/20/26, 9:01:05 AM] Bob: Hi Ada 👋",
        "[11/20/26, 9:01:09 AM] Bob: did it arrive?",
        "[11/20/26, 9:02:00 AM] Ada Lovelace: Yes: this morning,",
        "in one piece. 你好",
        "\u200e[11/20/26, 9:02:30 AM] Ada Lovelace: \u200e<Media omitted>",
        "[11/20/26, 9:03:00 AM] Bob: ok",
    ]
    path = folder / "WhatsApp Chat with Ada.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def slack(folder: Path) -> Path:
    """A workspace's export: a file for each day of each channel, bots and joins among the messages."""
    days = {
        "general/2026-11-19.json": [
            {
                "type": "message",
                "subtype": "channel_join",
                "user": "U1",
                "text": "<@U1> has joined the channel",
            },
            {
                "type": "message",
                "user": "U1",
                "text": "The build is red &amp; slow",
                "ts": "1795046400.000100",
            },
            {
                "type": "message",
                "user": "U1",
                "text": "since <https://example.com|this>",
                "ts": "1795046401.0",
            },
            {"type": "message", "subtype": "bot_message", "text": "build failed", "ts": "1795046402.0"},
            {"type": "message", "user": "U2", "text": "I look.", "ts": "1795046403.0"},
            {"type": "message", "user": "U2", "text": "", "ts": "1795046404.0", "files": [{"id": "F1"}]},
        ],
        "general/2026-11-20.json": [
            {"type": "message", "user": "U1", "text": "alone", "ts": "1795132800.0"},
        ],
        "quiet/2026-11-20.json": [],
    }
    path = folder / "Slack export.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, messages in days.items():
            file.writestr(name, json.dumps(messages))
    return path


def telegram(folder: Path, *, rich: bool = False) -> Path:
    """Machine-readable JSON; `rich`: links and bold words, which come in pieces."""
    link: Any = [
        "see ",
        {"type": "link", "text": "https://example.com"},
        {"type": "bold", "text": " now"},
        "!",
    ]
    messages: list[dict[str, Any]] = [
        {"id": 1, "type": "service", "date": "2026-11-20T09:00:00", "actor": BOB, "action": "create_group"},
        {"id": 2, "type": "message", "date": "2026-11-20T09:00:01", "from": BOB, "text": "Hi"},
        {"id": 3, "type": "message", "date": "2026-11-20T09:00:02", "from": BOB, "text": ""},
        {"id": 4, "type": "message", "date": "2026-11-20T09:00:03", "from": ADA, "text": "Hello\nyou 你好"},
        {"id": 5, "type": "message", "date": "2026-11-20T09:00:04", "from": None, "text": "gone"},
        {
            "id": 6,
            "type": "message",
            "date": "2026-11-20T09:00:05",
            "from": BOB,
            "text": link if rich else "ok",
        },
    ]
    path = folder / "result.json"
    path.write_text(
        json.dumps({"name": ADA, "type": "personal_chat", "messages": messages}), encoding="utf-8"
    )
    return path


def telegram_html(folder: Path) -> Path:
    """The export for people: a name above the first message of several."""

    def message(text: str, name: str | None) -> str:
        above = f'<div class="from_name"> {name} </div>' if name else ""
        date = '<div class="pull_right date details" title="20.11.2026 09:00:00"> 09:00 </div>'
        return f'<div class="message default"><div class="body">{date}{above}<div class="text"> {text} </div></div></div>'

    body = message("Hi", BOB) + message("<strong>there</strong>", None) + message("Hello", ADA)
    path = folder / "messages.html"
    path.write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    return path


def telegram_zip(folder: Path) -> Path:
    """The same JSON, zipped."""
    path = folder / "Telegram.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.write(telegram(folder), "export/result.json")
    return path


def facebook(folder: Path) -> Path:
    """One conversation: newest first, with a photo that has no words."""
    messages = [
        {"sender_name": BOB, "timestamp_ms": 4, "content": "bye", "type": "Generic"},
        {"sender_name": ADA, "timestamp_ms": 3, "photos": [{"uri": "a.jpg"}]},
        {"sender_name": ADA, "timestamp_ms": 2, "content": "\u00c3\u00bcber", "type": "Generic"},
        {"sender_name": BOB, "timestamp_ms": 1, "content": "Hi", "type": "Generic"},
        {"sender_name": BOB, "timestamp_ms": 1, "content": "you", "type": "Generic"},
    ]
    conversation = {"participants": [{"name": ADA}, {"name": BOB}], "messages": messages}
    path = folder / "message_1.json"
    path.write_text(json.dumps(conversation), encoding="utf-8")
    return path


def facebook_folder(folder: Path) -> Path:
    """All conversations of an account."""
    for name in ("ada_1", "group_2"):
        inbox = folder / "messages" / "inbox" / name
        inbox.mkdir(parents=True)
        facebook(inbox)
        (inbox / "photos").mkdir()
    return folder / "messages"


def imessage(folder: Path, *, before_macos_12: bool = False) -> Path:
    """`chat.db`: texts in a column, or within an archived object; what has neither is left out."""
    path = folder / "chat.db"
    with sqlite3.connect(path) as base:
        base.executescript(
            "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, date INTEGER, text TEXT, is_from_me INTEGER, "
            "attributedBody BLOB, handle_id INTEGER);"
            "CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT);"
            "CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER);"
            "INSERT INTO handle VALUES (1, '+15550100'), (2, 'ada@example.com');"
        )
        if before_macos_12:
            base.executescript(
                "CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER);"
                "INSERT INTO chat_handle_join VALUES (1, 1), (2, 2);"
            )
        rows = [
            (1, "Hi", 0, None, 1),
            (2, None, 0, _archived("from the new phone 你好"), 1),
            (3, None, 0, _archived("x" * 300), 2),
            (4, None, 1, None, 2),
            (5, "bye", 1, None, 2),
        ]
        for number, (date, *rest) in enumerate(rows, start=1):
            base.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", (number, date * 10**17, *rest))
            base.execute("INSERT INTO chat_message_join VALUES (?, ?)", (1 if number != 5 else 2, number))
    base.close()
    return path


def _archived(text: str) -> bytes:
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 128 else b"\x81" + len(data).to_bytes(2, "little")
    return b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01NSString\x01\x94\x84\x01+" + length + data + b"\x86\x84"


EXPORTS: dict[str, tuple[str, str, Callable[[Path], Path], str]] = {
    "whatsapp": ("whatsapp", "WhatsAppChatLoader", whatsapp, ADA),
    "slack": ("slack", "SlackChatLoader", slack, "U2"),
    "telegram": ("telegram", "TelegramChatLoader", telegram, ADA),
    "telegram, html": ("telegram", "TelegramChatLoader", telegram_html, ADA),
    "telegram, zipped": ("telegram", "TelegramChatLoader", telegram_zip, ADA),
    "facebook": ("facebook_messenger", "SingleFileFacebookMessengerChatLoader", facebook, ADA),
    "facebook, a folder": ("facebook_messenger", "FolderFacebookMessengerChatLoader", facebook_folder, ADA),
    "imessage": ("imessage", "IMessageChatLoader", imessage, "ada@example.com"),
    "imessage, before macOS 12": (
        "imessage",
        "IMessageChatLoader",
        lambda folder: imessage(folder, before_macos_12=True),
        "+15550100",
    ),
}
"""By name: langchain-community's module and loader, what makes the export, and whose messages are to be learned."""
