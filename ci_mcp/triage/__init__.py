"""One question, one answer, over every provider's hooks; knows no vendor."""
