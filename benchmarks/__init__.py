"""The numbers of this program, each against a yardstick measured in the same run; see README.md."""
