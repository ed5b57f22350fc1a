"""A cart: lines, a discount, a receipt. Amounts are cents."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One article in the cart."""

    name: str
    price: int
    quantity: int = 1

    def amount(self) -> int:
        """What the line costs before any discount."""
        return self.price * self.quantity


@dataclass
class Cart:
    """What somebody wants to buy."""

    lines: list[Line] = field(default_factory=list)
    discount_percent: int = 0

    def subtotal(self) -> int:
        """The sum of the lines."""
        return sum(line.amount() for line in self.lines)

    def discount(self) -> int:
        """What is taken off the subtotal."""
        return self.subtotal() * self.discount_percent // 100

    def total(self) -> int:
        """What is to be paid."""
        return self.subtotal() - self.discount()

    def receipt(self) -> dict[str, object]:
        """The receipt as the till prints it."""
        return {
            "lines": [line.name for line in self.lines],
            "currency": "EUR",
            "discount": self.discount(),
            "total": self.total(),
        }
