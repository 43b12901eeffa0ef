"""What the customers of a bookshop ask, and what its models say: the words behind `capture_desk.py`, all made up.

They hold what real traces hold: questions that come twice, letters that differ in a word, addresses and numbers, a pasted text
that is too long, an answer that was cut off, and one that never came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SYSTEM = "You answer the customers of Halfmoon Books. Be brief and friendly."


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a customer writes, and what the model says to it, call by call: a text, or a tool and its arguments.

    Args:
        notice: A message of the system's that the program puts before it.
        color: Red, green and blue of the photo that comes along; empty where none does.
    """

    text: str
    says: tuple[Any, ...]
    notice: str = ""
    color: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A conversation: by which program, with whom, and its turns."""

    by: str
    user: str
    thread: str
    turns: tuple[Turn, ...]


USERS = ("ada", "bob", "chen", "dana", "emil", "fay", "gus", "hana")

RETURNS = "How long do I have to return a book?"
FAQ = (
    (RETURNS, "You have 30 days from delivery, as long as the book is unread."),
    ("Do you ship to Norway?", "Yes, in five to seven working days, for 9 euros."),
    ("Can I pay by invoice?", "Libraries and schools can. Private customers pay by card or bank transfer."),
    (
        "Do you buy used books?",
        "We do, on Thursdays between ten and four. Bring up to twenty books and an identity card.",
    ),
    ("Is there a discount for schools?", "Yes, ten percent from fifteen copies of a title."),
    ("Where is your shop?", "At the old ferry landing, two minutes from the tram stop."),
    ("When do you open on Saturdays?", "We are open from nine to six on Saturdays."),
    ("Can you wrap an order as a gift?", "With pleasure. Tick the box at checkout; it costs two euros."),
    (
        "Do you have e-books?",
        "We have, as EPUB without copy protection. You find them on each book's page, under Formats.",
    ),
    ("How do I use a voucher?", "Enter its code at checkout, below the address."),
    ("可以寄到中国吗？", "可以，大约两到三周送达，运费 18 欧元。"),
    (
        "Wie lange dauert der Versand nach Wien?",
        "Nach Wien sind es zwei bis drei Werktage, ab 40 Euro ohne Versandkosten.",
    ),
)

BOOKS = (
    ("Emma", "Middlemarch", "George Eliot", 24),
    ("Dracula", "Carmilla", "Sheridan Le Fanu", 14),
    ("Walden", "The Maine Woods", "Henry David Thoreau", 19),
    ("Kim", "Lord Jim", "Joseph Conrad", 17),
    ("Candide", "Rasselas", "Samuel Johnson", 12),
    ("Oblomov", "Fathers and Sons", "Ivan Turgenev", 16),
    ("The Moonstone", "Bleak House", "Charles Dickens", 27),
    ("Cranford", "Villette", "Charlotte Brontë", 21),
)

ORDERS = {
    10417: "Order 10417: Middlemarch, hardcover. Ann Miller, ann.miller@example.com, +44 20 7946 0018. Shipped on Monday.",
    10423: "Order 10423: Carmilla, paperback. Bo Lindqvist, bo@example.org. In the warehouse, leaves tomorrow.",
    10428: "Order 10428: Lord Jim. Mei Chen, mei.chen@example.net, +49 30 901820. Returned, refund is open.",
    10431: "Order 10431: Villette. Dana Novak, dana@example.com. Shipped today.",
}

LETTER = (
    "Dear Halfmoon Books, I have been a customer of your shop for eleven years now, and until last week I had never had a reason "
    "to complain. My order {order} was delivered on a rainy afternoon, left on the steps without a bag, and the cover of the "
    "book is bent and stained with water. It was meant as a birthday present for my sister, who collects old travel writing and "
    "takes great care of her shelves. Please tell me what you can do about it, and whether a clean copy could be here before "
    "the end of the month. I do not want to send the damaged one back at my own cost. With kind regards"
)
LETTER_ANSWER = (
    "Thank you for your letter, and for eleven years with us. A book that arrives wet and bent is our fault and not yours, and "
    "I am sorry that it spoiled a birthday present. A clean copy of order {order} leaves our warehouse tomorrow by express, in "
    "a waterproof bag, and will be with you within three working days. Keep the damaged copy, or give it away: you need not "
    "send anything back. I have also added a voucher of ten euros to your account, with our apologies to your sister."
)

CUT_OFF = "[cut off]"
"""Where a model's answer met its limit."""
TIMEOUT = "[timeout]"
"""No answer at all."""

PARTS = (
    "they buy their stores, meet the boatman and lose half a day to rain.",
    "they carry the boat past two falls and see the mountain for the first time.",
    f"they climb through a forest of firs that grow so thick that{CUT_OFF}",
    "they reach the open rock, find no view in the cloud, and turn back.",
    "they hunt moose by night, and the writer regrets it by day.",
    "they visit the lumberers, who sleep in a row under one blanket.",
    "they cross the lake in a wind that nearly swamps them.",
)
PART_ASKED = "What happens in part {number} of The Maine Woods? I am reading it with my class, and we discuss one part a week."
PART_ANSWER = (
    "In part {number} {part} For a class I would ask what the writer sees that his guide does not, and the other way round: the "
    "guide knows the names, the writer the words. A good passage to read aloud is the one about the camp at night, because it "
    "is short, and because everything in it can be heard. Let me know when you go on to the next one, and I will suggest a "
    "question for it too."
)

TERMS = "\n".join(
    f"{number}. {clause}"
    for number, clause in enumerate(
        (
            f"The seller keeps the title to the goods named in list {chapter} until they are paid in full, {rest}"
            for chapter in range(1, 31)
            for rest in (
                "and the buyer stores them apart from goods of others.",
                "and may ask for them back if a payment is late by more than thirty days.",
            )
        ),
        start=1,
    )
)


def _asked() -> Iterator[Asked]:
    # The answer from before the shop changed its rule.
    yield _one("chain", "gus", "faq-old", RETURNS, "You have 14 days from delivery.")
    for number, (question, answer) in enumerate(FAQ):
        yield _one("chain", USERS[number % 8], f"faq-{number}", question, answer)
    for number, (question, answer) in enumerate(FAQ[:5]):  # word for word once more, by others
        yield _one("chain", USERS[(number + 3) % 8], f"again-{number}", question, answer)
    yield Asked(by="chain", user="hana", thread="class", turns=tuple(_parts()))
    yield Asked(
        by="chain",
        user="emil",
        thread="parcel",
        turns=(
            _turn("My parcel has not come.", "I am sorry. What is the number of your order?"),
            _turn("10431.", "It left us today, and will be with you in two days."),
        ),
    )
    yield Asked(
        by="chain",
        user="fay",
        thread="christmas",
        turns=(
            _turn("Will a book be here for Christmas?", "If you order by 18 December, yes."),
            Turn(
                text="And can I call you then?",
                says=("Not on those three days. From 27 December we are there again.",),
                notice="The shop is closed from 24 to 26 December.",
            ),
        ),
    )
    yield from _agent()
    for number, (liked, next_book, author, price) in enumerate(BOOKS):
        turns = (
            _turn(f"I liked {liked}. What should I read next?", f"Try {next_book} by {author}."),
            _turn(f"Is {next_book} in stock?", f"Yes, we have {number + 2} copies of {next_book} here."),
            _turn(f"What does {next_book} cost?", f"{next_book} is {price} euros, in hardcover."),
        )
        yield Asked(by="widget", user=USERS[number], thread=f"widget-{number}", turns=turns)
    yield from _private()
    for user, order in (("ada", 10417), ("bob", 10423), ("chen", 10428)):
        yield _one(
            "letters", user, f"letter-{order}", LETTER.format(order=order), LETTER_ANSWER.format(order=order)
        )
    yield _one(
        "letters",
        "gus",
        "letter-terms",
        f"Do you accept these terms?\n\n{TERMS}",
        "We do not: our own terms hold for all orders. Shall we talk about it on the phone?",
    )
    for by, user, book, color in (
        ("widget", "ada", "Emma", (90, 20, 30)),
        ("widget", "emil", "Walden", (20, 80, 40)),
        ("gemini", "fay", "Kim", (30, 40, 120)),
    ):
        said = f"That is {book}, in the small cloth edition. We have it for 11 euros."
        turn = Turn(text="Which book is on this photo, and do you have it?", says=(said,), color=color)
        yield Asked(by=by, user=user, thread=f"photo-{user}", turns=(turn,))
    for user, text, said in (
        ("hana", "Is there a reading group?", "Every first Tuesday at seven, in the room upstairs."),
        ("gus", "Can I bring my dog?", "Yes, there is a bowl of water by the door."),
    ):
        yield _one("gemini", user, f"app-{user}", text, said)
    yield _one("script", "bob", "script-1", "Do you sell maps?", "Walking maps, yes; they hang by the door.")
    yield _one("script", "bob", "script-2", "Do you sell globes?", TIMEOUT)


def _parts() -> Iterator[Turn]:
    """A long chat, one of whose answers was cut off."""
    for number, part in enumerate(PARTS, start=1):
        yield _turn(PART_ASKED.format(number=number), PART_ANSWER.format(number=number, part=part))


def _agent() -> Iterator[Asked]:
    """What needs an order to be looked up, and now and then a mail."""
    for user, order, said in (
        ("bob", 10423, "Carmilla leaves our warehouse tomorrow."),
        ("dana", 10431, "Villette was shipped today."),
    ):
        yield _one("agent", user, f"order-{order}", f"Where is my order {order}?", _find(order), said)
    for user, order, address, told in (
        ("ada", 10417, "ann.miller@example.com", "Middlemarch was shipped on Monday."),
        ("chen", 10428, "mei.chen@example.net", "Your refund for Lord Jim is on its way."),
    ):
        yield _one(
            "agent",
            user,
            f"mail-{order}",
            f"Please mail the state of order {order} to {address}",
            _find(order),
            ("send_mail", {"to": address, "text": told}),
            f"I have mailed it to {address}.",
        )


def _private() -> Iterator[Asked]:
    """What people tell although nobody asked for it."""
    for user, text, said in (
        (
            "ada",
            "I am Ann Miller. Please call me on +44 20 7946 0018 about my order.",
            "Gladly. We will call you on +44 20 7946 0018 this afternoon.",
        ),
        (
            "chen",
            "My refund should go to DE89 3704 0044 0532 0130 00, please.",
            "Noted: the refund goes to DE89 3704 0044 0532 0130 00 within three days.",
        ),
        (
            "gus",
            "Your form rejects my card 4111 1111 1111 1111.",
            "Please never send a card number in a chat. Try the form again without spaces.",
        ),
        (
            "emil",
            "Our stock sync fails with the key AKIAIOSFODNN7EXAMPLE, what is wrong?",
            "Please revoke that key: it was sent in clear text. Then make a new one under Partners.",
        ),
    ):
        yield _one("widget", user, f"private-{user}", text, said)


def _find(order: int) -> tuple[str, dict[str, int]]:
    return ("find_order", {"order": order})


def _turn(text: str, *says: Any) -> Turn:
    return Turn(text=text, says=says)


def _one(by: str, user: str, thread: str, text: str, *says: Any) -> Asked:
    return Asked(by=by, user=user, thread=thread, turns=(_turn(text, *says),))


ASKED = tuple(_asked())
"""Everything that is asked, in its order."""
