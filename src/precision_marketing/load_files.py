"""The command ``python -m precision_marketing.load_files``; what it does is in ``loading.command``."""

from precision_marketing.loading.command import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
