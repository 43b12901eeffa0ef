"""A shop, and the tools of the agent that helps its customers."""

from typing import Literal

from langchain_core.tools import BaseTool, tool

SYSTEM = "You help the customers of a shop."
RULES = {
    "returns": "You can return it within 30 days.",
    "shipping": "It takes 3 to 5 days.",
    "warranty": "The warranty is 2 years.",
    "payment": "Pay by card or invoice.",
}


class Shop:
    """Orders by their numbers: "on its way", "delivered", "not paid yet", "paid back"."""

    def __init__(self, orders: dict[int, str]) -> None:
        self.orders = orders

    def tools(self) -> list[BaseTool]:
        @tool
        def find_order(order: int) -> str:
            """How an order stands."""
            return self.orders.get(order, "unknown")

        @tool
        def refund(order: int) -> str:
            """Pays an order back."""
            if self.orders.get(order) != "delivered":
                return "refused: it is not delivered"
            self.orders[order] = "paid back"
            return "paid back"

        @tool
        def read_rules(topic: Literal["returns", "shipping", "warranty", "payment"]) -> str:
            """The rules of the shop."""
            return RULES[topic]

        return [find_order, refund, read_rules]
