"""``python -m reconciler`` and the installed command ``reconcile``."""

from reconciler.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
