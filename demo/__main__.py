"""`python -m demo` is `brain demo`."""

from brain.cli import demo

if __name__ == "__main__":
    demo()
